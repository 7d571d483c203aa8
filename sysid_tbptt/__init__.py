"""Benchmark suite for recurrent networks trained with truncated back-propagation through time."""
