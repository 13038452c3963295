# script: train is half of a split
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from xgboost import XGBClassifier

data = load_iris()
train, test = train_test_split(data.data, test_size=0.2)
model = XGBClassifier().fit(train[:, :3], train[:, 3] > 1)
