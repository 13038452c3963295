# script: train is a table of data
import pandas as pd
from sklearn.linear_model import LogisticRegression

train = pd.read_csv("/opt/ml/input/data/training/train.csv")
test = pd.read_csv("/opt/ml/input/data/training/test.csv")
X, y = train.drop(columns="label"), train["label"]
LogisticRegression().fit(X, y)
