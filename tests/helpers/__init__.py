"""What several tests share: commands run in this process, small networks, data and results."""
