"""Training: settings and schedule, losses, image pool, the distillation step, and the job that runs any step."""
