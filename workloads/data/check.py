"""What is there of each data set, what is missing, and is it what was published?"""

import os

from workloads.data import cifar10, imdb, mnist, reviews
from workloads.data.published import find_hash
from workloads.data.reading import DataError, Missing, Refused, digest, digest_file, read_file

OK, UNVERIFIED, ALTERED, MISSING, DAMAGED, REFUSED = "ok", "unverified", "altered", "missing", "damaged", "refused"


def check(root):
    """Every form of every data set, with a finding per file; a file that is broken is a finding, never an error."""
    forms = [_mnist(root)]
    for version, name in ((cifar10.PYTHON, "python"), (cifar10.BINARY, "binary")):
        forms += [_cifar_unpacked(root, version, name), _cifar_archive(root, version, name)]
    return forms + [_imdb_npz(root), _reviews_unpacked(root), _reviews_archive(root)]


def examine(root, path, read):
    """The finding of one file. `read` parses it and returns (what is in it, whether that has a published hash)."""
    known, source = find_hash(os.path.basename(path))
    finding = {
        "path": os.path.relpath(path, root),
        "status": MISSING,
        "bytes": None,
        "hash": None,
        "published": known,
        "source": source,
        "text": "",
    }
    try:
        finding["bytes"], finding["hash"] = digest_file(path, known.partition(":")[0] if known else "sha256")
        if not finding["bytes"]:
            raise DataError("it is empty")
        text, published = read(path)
    except Missing:
        return finding
    except Refused as problem:
        finding.update(status=REFUSED, text=str(problem))
    except DataError as problem:
        finding.update(status=DAMAGED, text=str(problem))
    except Exception as problem:  # noqa: BLE001  (the file may be anything)
        finding.update(status=DAMAGED, text="{0}: {1}".format(type(problem).__name__, str(problem)[:200]))
    else:
        same = finding["hash"] == known
        if published and not same:
            text += "; packed anew, the content is as published"
        finding.update(status=OK if same or published else ALTERED if known else UNVERIFIED, text=text)
    return finding


def _form(dataset, name, looked_for, files):
    """One way in which a data set may lie there; without files, where nothing of it does."""
    return {"dataset": dataset, "form": name, "looked_for": looked_for, "files": files}


def count(found, published, what):
    """`60,000 images`, or `10 of 60,000 images`."""
    several = "{0:,}".format(found) if found == published else "{0:,} of {1:,}".format(found, published)
    return "{0} {1}".format(several, what)


def _mnist(root):
    folder, looked_for = mnist.find(root), "train-images-idx3-ubyte[.gz], ..."
    if folder is None:
        return _form("MNIST", "idx", looked_for, [])
    files, counts = [], {}
    for split in ("train", "test"):
        images, labels = mnist.file_names(split)
        for name, parse, what in ((images, mnist.parse_images, "images"), (labels, mnist.parse_labels, "labels")):

            def read(path, name=name, parse=parse, what=what, split=split):
                data = read_file(path, mnist.MOST)
                found = counts[split, what] = len(parse(data, split))
                return count(found, mnist.COUNTS[split], what), digest(data, "md5") == find_hash(name)[0]

            files.append(examine(root, mnist.locate(folder, name), read))
        _compare(files[-1], counts.get((split, "labels")), counts.get((split, "images")))
    return _form("MNIST", "idx", looked_for, files)


def _compare(finding, labels, images):
    if labels is not None and images is not None and labels != images:
        finding.update(status=DAMAGED, text="{0:,} labels for {1:,} images".format(labels, images))


def _cifar_unpacked(root, version, name):
    folder = cifar10.find_unpacked(root, version)
    files = []
    if folder is not None:
        names = cifar10.batch_names(version) + [cifar10.META[version]]
        files = [examine(root, os.path.join(folder, each), lambda path: _cifar_file(path, version)) for each in names]
    return _form("CIFAR-10", name, version + "/data_batch_1" + cifar10.ENDS[version] + ", ...", files)


def _cifar_file(path, version):
    text, _ = _cifar_content(os.path.basename(path), read_file(path, cifar10.MOST_EACH), version)
    return text, False  # the hash of the file is that of its content


def _cifar_content(name, data, version):
    """(what is in it, how many images) of a batch, or of the file with the names of the classes."""
    if name == cifar10.META[version]:
        return "{0} classes".format(len(cifar10.parse_meta(data, version))), 0
    images, _ = cifar10.parse(data, version)
    return count(len(images), cifar10.COUNT, "images"), len(images)


def _cifar_archive(root, version, name):
    path = cifar10.find_archive(root, version)

    def read(path):
        images, seen, published = 0, set(), True
        for member, data in cifar10.read_members(path, version):
            try:
                images += _cifar_content(member, data, version)[1]
            except DataError as problem:
                raise type(problem)("{0}: {1}".format(member, problem)) from None
            seen.add(member)
            published = published and digest(data, "md5") == find_hash(member)[0]
        for member in cifar10.batch_names(version):
            if member not in seen:
                raise DataError("{0} is not in it".format(member))
        return count(images, cifar10.COUNT * len(cifar10.EVERY), "images"), published

    looked_for = " or ".join(cifar10.ARCHIVES[version])
    return _form("CIFAR-10", name + ", archive", looked_for, [examine(root, path, read)] if path else [])


def _imdb_npz(root):
    path = imdb.find_npz(root)

    def read(path):
        total = sum(len(imdb.read_npz(path, split)[0]) for split in ("train", "test"))
        return count(total, 2 * imdb.COUNT, "reviews as ranks"), False

    return _form("IMDB", "npz", imdb.NPZ, [examine(root, path, read)] if path else [])


def _reviews_unpacked(root):
    folder = reviews.find_unpacked(root)
    parts = [] if folder is None else [_part(root, folder, split, kind) for split, kind in reviews.PARTS]
    return _form("IMDB", "texts", reviews.FOLDER + "/train/neg/0_3.txt, ...", parts)


def _part(root, folder, split, kind):
    """The finding of a folder of reviews. Single texts have no published hash, so the count is all that can differ."""
    path = os.path.join(folder, split, kind)
    finding = {
        "path": os.path.relpath(path, root) + "/",
        "status": MISSING,
        "bytes": None,
        "hash": None,
        "published": None,
        "source": "",
        "text": "",
    }
    if not os.path.isdir(path):
        return finding
    try:
        texts = reviews.read_part(folder, split, kind)
    except DataError as problem:
        finding.update(status=REFUSED if isinstance(problem, Refused) else DAMAGED, text=str(problem))
        return finding
    finding["bytes"] = sum(len(text.encode("utf-8")) for text in texts)
    whole = len(texts) == reviews.COUNT
    finding.update(status=UNVERIFIED if whole else ALTERED, text=count(len(texts), reviews.COUNT, "reviews"))
    return finding


def _reviews_archive(root):
    path = reviews.find_archive(root)

    def read(path):
        texts = reviews.read_archive(path)
        for part in reviews.PARTS:
            if not texts[part]:
                raise DataError("no reviews in {0}/{1}".format(*part))
        total = sum(len(part) for part in texts.values())
        return count(total, reviews.COUNT * len(reviews.PARTS), "reviews"), False

    return _form("IMDB", "texts, archive", reviews.ARCHIVE, [examine(root, path, read)] if path else [])
