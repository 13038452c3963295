# exit: 1
# first: SyntaxError: * (syntax_error_of_a_text.py:6, in layers)
import ast

def layers(text):
    return ast.literal_eval(text)

layers("[64, 32")
