"""The adapters keep the contracts of the libraries they serve."""

import numpy as np
import pytest

from vibrator.encoder import InstructionalEncoder
from vibrator.encoders.adapters import ChromaFunction, EncoderTransformer, as_langchain
from vibrator.errors import BadInput

TEXTS = ["a guide to streaming calls", "quick weeknight recipes", "long mountain trails"]


@pytest.fixture(scope="module")
def encoder():
    return InstructionalEncoder("embedded")


@pytest.mark.integration
def test_langchain_documents_and_queries(encoder):
    from langchain_core.embeddings import Embeddings
    from langchain_core.vectorstores import InMemoryVectorStore

    adapted = as_langchain(encoder)
    store = InMemoryVectorStore.from_texts(TEXTS, adapted)

    assert isinstance(adapted, Embeddings)
    assert store.similarity_search("recipes for a weeknight", k=1)[0].page_content == TEXTS[1]


def test_scikit_learn_pipeline(encoder):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(EncoderTransformer(encoder), LogisticRegression())
    pipeline.fit(TEXTS * 3, [0, 1, 2] * 3)

    assert pipeline.predict(TEXTS).tolist() == [0, 1, 2]


def test_scikit_learn_clones_and_names(encoder):
    from sklearn.base import clone

    copied = clone(EncoderTransformer(encoder))

    assert copied.fit_transform(np.array(TEXTS)[:, None]).shape == (3, encoder.dimensions)
    assert len(copied.get_feature_names_out()) == encoder.dimensions


def test_scikit_learn_refuses_two_columns(encoder):
    with pytest.raises(BadInput, match="one column"):
        EncoderTransformer(encoder).fit([["a", "b"]])


def test_chroma_documents_and_queries(encoder):
    function = ChromaFunction(encoder)

    documents = function(TEXTS)
    query = function.embed_query(["weeknight recipes"])[0]

    assert all(isinstance(vector, np.ndarray) for vector in documents)
    assert int(np.argmax(np.array(documents) @ query)) == 1


def test_chroma_refuses_the_vectors_of_another_encoder(encoder):
    function = ChromaFunction(encoder)

    function.validate_config(function.get_config())
    with pytest.raises(BadInput, match="filled by encoder other"):
        function.validate_config({"fingerprint": "other"})
