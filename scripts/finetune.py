from workflow_lib import cli
