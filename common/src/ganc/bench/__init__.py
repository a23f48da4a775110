"""Timing generators against the original one, across engines, precisions, batch sizes and threads.

Each engine with each number of threads runs in a process of its own, because Paddle's libraries read their settings
once, when they are loaded, and because an engine's idle threads spin for a while and would slow another's down. Within
a process all networks and precisions take turns.
"""
