"""Our retriever, offered as a LangChain retriever and as a LlamaIndex retriever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.retrievers import BaseRetriever as LangChainRetriever
    from llama_index.core.retrievers import BaseRetriever as LlamaIndexRetriever

    from rag.retrieve.retriever import Retriever
    from rag.types import Hit


def metadata(hit: Hit) -> dict[str, Any]:
    """What both libraries carry beside the text: where the passage is and how it was found."""
    chunk = hit.chunk
    place = {"source": chunk.path, "start": chunk.start, "end": chunk.end, "page": chunk.page, "header": chunk.header}
    scores = {"score": hit.score, "dense": hit.dense, "lexical": hit.lexical}
    return {**chunk.metadata, "language": chunk.language, **place, **scores}


def for_langchain(retriever: Retriever) -> LangChainRetriever:
    """A LangChain `BaseRetriever`; its documents carry `metadata` and the chunk's id."""
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever

    class AtlasRetriever(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
            return [Document(id=hit.chunk.id, page_content=hit.chunk.text, metadata=metadata(hit)) for hit in retriever.search(query)]

    return AtlasRetriever()


def for_llama_index(retriever: Retriever) -> LlamaIndexRetriever:
    """A LlamaIndex `BaseRetriever`; its nodes keep the character offsets."""
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

    class AtlasRetriever(BaseRetriever):
        def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
            return [_node(hit) for hit in retriever.search(query_bundle.query_str)]

    def _node(hit: Hit) -> NodeWithScore:
        chunk = hit.chunk
        node = TextNode(id_=chunk.id, text=chunk.text, metadata=metadata(hit), start_char_idx=chunk.start, end_char_idx=chunk.end)
        return NodeWithScore(node=node, score=hit.score)

    return AtlasRetriever()
