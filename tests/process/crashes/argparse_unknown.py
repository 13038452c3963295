# exit: 2
# first: error: unrecognized arguments: --model_dir /opt/ml/model (sys.exit(2), argparse_unknown.py:6, in main)
import argparse
def main():
    parser = argparse.ArgumentParser()
    parser.parse_args(["--model_dir", "/opt/ml/model"])
main()
