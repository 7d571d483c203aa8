"""The errors a user can meet: each says what is wrong, where, and what to do."""


class SysidError(Exception):
    """Base of every error raised on purpose: bad input or a missing resource, never a bug."""


class ConfigError(SysidError):
    """A suite, a filter or a run's settings cannot be used."""


class DataError(SysidError):
    """A data set cannot be had, or what was read is not what it should be."""


class ModelError(SysidError):
    """A model is unknown, or its weights or outputs have the wrong shape."""


class EngineError(SysidError):
    """An engine was asked for by name and cannot take the run."""


class StoreError(SysidError):
    """The results folder cannot be read or written."""
