# exit: 1
# env: HF_TOKEN=hf_abcdefghijklmnop
# first: ValueError: cannot log in with **** (secret_in_the_message.py:6, in <module>)
import os
TOKEN = os.environ["HF_TOKEN"]
raise ValueError(f"cannot log in with {TOKEN}")
