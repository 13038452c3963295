# script: train is the variable of a loop
from sklearn.model_selection import KFold

for train, test in KFold(n_splits=3).split(range(9)):
    print(len(train), len(test))
