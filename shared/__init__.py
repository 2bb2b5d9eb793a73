"""What every service is built from: kernel, contracts, runtime."""
