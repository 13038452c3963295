# script: train is imported, and it is data
from datasets_of_ours import test, train
from transformers import Trainer

trainer = Trainer(model=None, train_dataset=train, eval_dataset=test)
trainer.train()
