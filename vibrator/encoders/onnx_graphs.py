"""What is traced for ONNX: a model as one module, from token ids to vectors."""

from __future__ import annotations

from typing import Any, NamedTuple

from vibrator.encoders.instructor import InstructorNetwork
from vibrator.optional import need

HIDDEN = -1e9  # added to the score of a place that holds no token


class Traced(NamedTuple):
    """A module and an example of what it reads, every axis of which may have any length."""

    module: Any
    inputs: dict[str, Any]


def traced(network: InstructorNetwork) -> Traced:
    """The form that suits the model: BERT written out for speed, any other as it is."""
    torch = need("torch", extra="instructor")
    model = network.transformer.auto_model
    model.set_attn_implementation("eager")
    forward, shapes = (_bert, BERT_INPUTS) if _is_plain_bert(model) else (_whole, WHOLE_INPUTS)
    module = type("Traced", (torch.nn.Module,), {"forward": forward})()
    module.model, module.head = model, torch.nn.ModuleList(network.head)
    inputs = {name: torch.ones(shape, dtype=torch.long) for name, shape in shapes.items()}
    return Traced(module.eval(), inputs)


def _is_plain_bert(model: Any) -> bool:
    settings = model.config
    places = getattr(settings, "position_embedding_type", "absolute")
    return (type(model).__name__, places, settings.is_decoder) == ("BertModel", "absolute", False)


WHOLE_INPUTS = {"input_ids": (3, 9), "attention_mask": (3, 9), "pooling_mask": (3, 9)}


def _whole(self: Any, input_ids: Any, attention_mask: Any, pooling_mask: Any) -> Any:
    read = self.model(input_ids=input_ids, attention_mask=attention_mask, return_dict=False)
    return _pooled(self.head, read[0], pooling_mask)


BERT_INPUTS = {
    "token_ids": (5,),
    "positions": (5,),
    "places": (9, 3),
    "attention_mask": (3, 9),
    "pooling_mask": (3, 9),
}


def _bert(
    self: Any, token_ids: Any, positions: Any, places: Any, attention_mask: Any, pooling_mask: Any
) -> Any:
    """BERT over [place, text, feature].

    The heads of all texts are then one axis, over which the products of attention step without a
    copy of what they read. What the first layer makes of a token at a position is worked out once,
    and handed to all `places` of the batch that have it.
    """
    heads = self.model.config.num_attention_heads
    mask = ((1.0 - attention_mask.float()) * HIDDEN).repeat_interleave(heads, 0).unsqueeze(1)
    hidden = _embedded(self.model.embeddings, token_ids, positions)
    for number, layer in enumerate(self.model.encoder.layer):
        own = layer.attention.self
        parts = [own.query(hidden), own.key(hidden), own.value(hidden), hidden]
        if number == 0:
            parts = [part[places] for part in parts]
        seen = _attention(parts[0], parts[1], parts[2], mask, heads)
        attended = layer.attention.output(seen, parts[3])
        hidden = layer.output(layer.intermediate(attended), attended)
    return _pooled(self.head, hidden.transpose(0, 1), pooling_mask)


def _embedded(embeddings: Any, token_ids: Any, positions: Any) -> Any:
    of_first_sentence = embeddings.token_type_embeddings.weight[0]
    where = embeddings.position_embeddings(positions) + of_first_sentence
    return embeddings.LayerNorm(embeddings.word_embeddings(token_ids) + where)


def _attention(query: Any, key: Any, value: Any, mask: Any, heads: int) -> Any:
    length, texts, width = query.shape
    by_head = (length, texts * heads, width // heads)
    scores = query.reshape(by_head).permute(1, 0, 2) @ key.reshape(by_head).permute(1, 2, 0)
    weights = (scores * (width // heads) ** -0.5 + mask).softmax(-1)
    seen = weights @ value.reshape(by_head).permute(1, 0, 2)
    return seen.permute(1, 0, 2).reshape(length, texts, width)


def _pooled(head: Any, hidden: Any, pooling_mask: Any) -> Any:
    features = {"token_embeddings": hidden, "attention_mask": pooling_mask}
    for module in head:
        features = module(features)
    return features["sentence_embedding"]
