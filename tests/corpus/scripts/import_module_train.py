# script: imports a module train, which trains while it is imported
import train
