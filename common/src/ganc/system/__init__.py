"""This process: threads and device, the processes beside it, signals."""
