"""How a language model's layers are computed and stored faster, without a change to what they say."""

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.activations import NewGELUActivation
from transformers.pytorch_utils import Conv1D

from dgf.model.language_models.dropout import Dropout
from dgf.model.language_models.products import quicken_product


def quicken_layers(model: PreTrainedModel) -> None:
    """Compute dropout by `drop`, products as `product` does, and GPT-2's activation in one operation.

    Transformers' takes eight for the latter, and keeps what is between.
    """
    for module in model.modules():
        quicken_product(module)
        for name, part in module.named_children():
            if type(part) is NewGELUActivation:
                setattr(module, name, nn.GELU(approximate="tanh"))
            elif type(part) is nn.Dropout:
                setattr(module, name, Dropout(part.p).train(part.training))


def store_in_bfloat16(model: nn.Module) -> int:
    """Store the matrices that do not learn in bfloat16, in place; return how many.

    Only those that autocast would cast at every use are stored so, which leaves every result what it is under autocast:
    embeddings, norms and whatever learns stay in float32.
    """
    count = 0
    for module in model.modules():
        frozen = not any(parameter.requires_grad for parameter in module.parameters(recurse=False))
        if isinstance(module, nn.Linear | Conv1D) and frozen and module.weight.dtype == torch.float32:
            module.to(torch.bfloat16)
            count += 1
    return count
