"""The report as one HTML file: charts drawn by hand, pictures inside, no script, nothing from anywhere else."""
