"""What training, adapting and evaluation draw with: banks, places, conditions."""
