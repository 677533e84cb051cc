"""What a figure is compared with: baselines below, real samples above."""
