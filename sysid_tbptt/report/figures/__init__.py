"""One file a figure: each turns a frame of runs into traces, plain numbers that `render` draws."""
