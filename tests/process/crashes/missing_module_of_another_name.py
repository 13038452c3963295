# exit: 1
# first: ModuleNotFoundError: No module named 'cv2' (missing_module_of_another_name.py:4, in <module>)
# has: add it to requirements.txt: opencv-python-headless.
import cv2
