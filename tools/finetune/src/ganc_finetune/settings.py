"""What a user sets of stage 5 unless told otherwise. Needs neither numpy nor Paddle."""

SCHEDULE = {"epochs": 200, "decay_epochs": 200}
