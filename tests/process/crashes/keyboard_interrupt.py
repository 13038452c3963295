# exit: 130
# first: Stopped by SIGINT
raise KeyboardInterrupt
