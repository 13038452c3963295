# function: defined by what the machine has
import os

if os.environ.get("CUDA_VISIBLE_DEVICES"):

    def train(gpu_count):
        return gpu_count
else:
    from slow import train
