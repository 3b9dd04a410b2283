import os


def lambda_handler(event, context):
    """Counts words."""
    return {"words": len(event["text"].split()), "stage": os.environ["STAGE"]}
