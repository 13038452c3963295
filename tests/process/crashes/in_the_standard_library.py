# exit: 1
# first: json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0) (in_the_standard_library.py:7, in read)
import json


def read(text):
    return json.loads(text)


read("")
