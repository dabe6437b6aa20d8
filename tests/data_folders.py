"""Folders of labels and mels for tests, without a recording in them."""


def make_files(folder, names):
    folder.root.mkdir(parents=True, exist_ok=True)
    folder.files = {name: folder.root / f"{name}.wav" for name in names}
    return folder
