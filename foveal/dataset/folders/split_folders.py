"""Which split the name of a folder says: `seg_train`, `Training Set`, `test1`, `학습데이터`."""

from __future__ import annotations

import re
import unicodedata

from foveal.dataset.types import Split, split_of
from foveal.text import compose

_TOKEN = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_a-zA-Z]+")
_HOLD_OUT = re.compile(r"(h[oe]ld)[\W_]*(out)", re.IGNORECASE)
# fmt: off
_NEUTRAL = frozenset((
    "all", "the", "my", "of", "for", "x", "v", "new", "final", "full", "original", "orig",
    "raw", "clean", "processed", "preprocessed", "resized", "cropped", "crop", "crops", "aug",
    "augmented", "public", "private", "set", "sets", "data", "dataset", "datasets", "split",
    "splits", "subset", "part", "partition", "folder", "dir", "image", "images", "img", "imgs",
    "im", "pic", "pics", "picture", "pictures", "photo", "photos", "jpg", "jpeg", "png", "rgb",
    "px", "seg", "cls", "class", "classes", "classification", "sample", "samples", "ilsvrc",
    "imagenet", "coco", "voc", "데이터", "이미지", "数据", "图片", "データ", "画像",
))
_OTHER_WORDS: dict[str, Split] = {
    "trainval": "train", "learn": "train", "learning": "train", "traning": "train",
    "trainning": "train", "trian": "train", "tarin": "train", "entrenamiento": "train",
    "entrainement": "train", "treinamento": "train", "vaild": "val", "valdation": "val",
    "valiation": "val", "validierung": "val", "validacion": "val", "validacao": "val",
    "tset": "test", "tets": "test", "prueba": "test", "teste": "test",
    "학습": "train", "훈련": "train", "검증": "val", "시험": "test", "테스트": "test",
    "训练": "train", "訓練": "train", "学習": "train", "验证": "val", "検証": "val",
    "测试": "test", "テスト": "test",
}
_CONTAINERS = frozenset((
    "data", "dataset", "datasets", "image", "images", "img", "imgs", "pic", "pics", "picture",
    "pictures", "photo", "photos", "데이터", "이미지", "数据", "图片", "データ", "画像",
))
# fmt: on
_CJK_SUFFIX = re.compile("(?:데이터|이미지|세트|셋|용|数据|数据集|データ|画像|集|用|セット)+$")
_DEVELOPMENT = ("dev", "devel", "development")
_AMBIGUOUS = (*_DEVELOPMENT, "eval", "evaluation", "holdout", "heldout")


def split_of_folder(name: str) -> Split | None:
    """The split of a folder's name: one word of a split, beside neutral words and numbers."""
    words = [token for token in words_of(name) if not _is_neutral_token(token)]
    splits = {_OTHER_WORDS.get(word) or split_of(word) for word in words}
    return splits.pop() if len(splits) == 1 else None


def split_words(name: str) -> set[Split]:
    """The splits that words of a name say, whatever the other words are: `train_cat`."""
    return {split for word in words_of(name) if (split := _OTHER_WORDS.get(word) or split_of(word))}


def number_of(name: str) -> str:
    """The digits of a name: `2` of `train_2`; empty where there are none."""
    return "".join(one for one in name if one.isdecimal())


def is_neutral(name: str) -> bool:
    """Whether a folder's name says neither class nor split: `images`, `my_data`, `Dataset 2`."""
    tokens = words_of(name)
    return not _CONTAINERS.isdisjoint(tokens) and all(map(_is_neutral_token, tokens))


def class_words(name: str) -> list[str]:
    """The words of a name that are neither neutral nor those of a split: `cat` of `train_cat`."""
    return [
        token
        for token in words_of(name)
        if not (_is_neutral_token(token) or _OTHER_WORDS.get(token) or split_of(token))
    ]


def is_ambiguous(name: str) -> bool:
    """Whether the split's word is one that people use for val and for test."""
    return any(token.startswith(_AMBIGUOUS) for token in words_of(name))


def is_development(name: str) -> bool:
    """Whether the split's word is dev, which is val where another folder says eval."""
    return any(token.startswith(_DEVELOPMENT) for token in words_of(name))


def compared_name(name: str) -> str:
    """A name as it is compared: composed (NFC), without case."""
    return compose(name).casefold()


def words_of(name: str) -> list[str]:
    """The words of a name in lower case, and its numbers: `left`, `img`, `8`, `bit`."""
    composed = compose(name)
    if split_of(composed):
        return [re.sub(r"[\W_]+", "", composed).lower()]
    joined = _HOLD_OUT.sub(lambda match: "".join(match.groups()).lower(), composed)
    tokens = [token.lower() for token in _TOKEN.findall(_without_accents(joined))]
    return [_CJK_SUFFIX.sub("", token) or token for token in tokens]


def _without_accents(text: str) -> str:
    """Latin letters without accents; other scripts unchanged."""
    return "".join(
        unicodedata.normalize("NFD", one)[0] if "\u00c0" <= one <= "\u024f" else one for one in text
    )


def _is_neutral_token(token: str) -> bool:
    return token.isdecimal() or token in _NEUTRAL
