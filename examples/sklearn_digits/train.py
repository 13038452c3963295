"""Function mode: ``smc run`` calls ``train`` with what it asks for by name, and saves the model that it returns."""

import os

import numpy as np
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler


def train(training_dir, hyperparameters):
    """Train a linear classifier on features of a kernel, epoch by epoch.

    Args:
        training_dir: folder of the channel ``training``.
        hyperparameters: ``training_data_file``, ``epochs`` and ``seed``, decoded.
    """
    data = np.load(os.path.join(training_dir, hyperparameters["training_data_file"]))
    x_train, y_train = data["features"], data["labels"]
    seed = hyperparameters["seed"]

    kernel = make_pipeline(MinMaxScaler(), Nystroem(gamma=0.1, n_components=300, random_state=seed))
    features = kernel.fit_transform(x_train)
    classifier = SGDClassifier(alpha=1e-5, average=True, random_state=seed)
    for epoch in range(hyperparameters["epochs"]):
        classifier.partial_fit(features, y_train, classes=np.arange(10))
        print(f"epoch {epoch + 1}: accuracy {classifier.score(features, y_train):.4f}")
    return make_pipeline(*(step for _, step in kernel.steps), classifier)
