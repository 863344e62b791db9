"""Text columns out of matrices of bytes, which numpy makes fast, and Parquet files of many row groups."""
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 1 << 20
ROW_GROUPS_PER_FILE = 5
HEX = np.frombuffer(b"".join(b"%02x" % i for i in range(256)), np.uint8).reshape(256, 2)
# Columns whose values repeat: dictionaries make them small.
CODED = ["user_id", "anonymous_id", "event_type", "channel", "source", "campaign"]


def fixed_texts(letters):
    """A text column out of an (n, width) matrix of bytes."""
    count, width = letters.shape
    offsets = np.arange(count + 1, dtype=np.int32) * width
    return pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(letters))])


def numbered(prefix, numbers, width):
    """Texts such as `u0000042`, as a matrix of bytes."""
    head = np.frombuffer(prefix.encode(), np.uint8)
    letters = np.empty((len(numbers), len(head) + width), np.uint8)
    letters[:, :len(head)] = head
    rest = numbers.astype(np.int64)
    for place in range(width - 1, -1, -1):
        letters[:, len(head) + place] = 48 + rest % 10
        rest = rest // 10
    return letters


def uuids(sixteen):
    """36-letter ids out of an (n, 16) matrix of bytes."""
    digits = HEX[sixteen].reshape(len(sixteen), 32)
    letters = np.full((len(sixteen), 36), ord("-"), np.uint8)
    for start, end, at in ((0, 8, 0), (8, 12, 9), (12, 16, 14), (16, 20, 19), (20, 32, 24)):
        letters[:, at:at + end - start] = digits[:, start:end]
    return fixed_texts(letters)


def coded(values, codes, null=None):
    """A text column out of codes; null where the mask says so."""
    codes = pa.array(codes.astype(np.int32), mask=null)
    return pa.DictionaryArray.from_arrays(codes, pa.array(values, pa.string())).cast(pa.string())


def mixed(numbers):
    """SplitMix64: a hash of each number."""
    x = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def device_ids(users, devices):
    """24 hexadecimal digits for each pair of user and device."""
    first = mixed(users.astype(np.uint64) * np.uint64(4) + devices.astype(np.uint64))
    halves = [half.view(np.uint8).reshape(len(users), 8) for half in (first, mixed(first))]
    return fixed_texts(HEX[np.concatenate(halves, 1)[:, :12]].reshape(len(users), 24))


def amounts(cents, present):
    """DECIMAL(12, 2), null where no order is."""
    words = np.zeros((len(cents), 2), np.int64)
    words[:, 0] = cents
    validity = pa.py_buffer(np.packbits(present, bitorder="little"))
    buffers = [validity, pa.py_buffer(words)]
    return pa.Array.from_buffers(pa.decimal128(12, 2), len(cents), buffers, null_count=int((~present).sum()))


class Rolling:
    """Writes tables into files of five row groups each."""

    def __init__(self, folder):
        os.makedirs(folder)
        self.folder, self.waiting, self.rows, self.file, self.files, self.groups = folder, [], 0, None, 0, 0

    def add(self, table):
        """Takes rows; writes whole row groups."""
        self.waiting.append(table)
        self.rows += table.num_rows
        while self.rows >= ROW_GROUP:
            whole = pa.concat_tables(self.waiting)
            self._group(whole.slice(0, ROW_GROUP))
            self.waiting, self.rows = [whole.slice(ROW_GROUP)], whole.num_rows - ROW_GROUP

    def _group(self, table):
        if self.file is None:
            path = "%s/part-%03d.parquet" % (self.folder, self.files)
            self.file = pq.ParquetWriter(path, table.schema, compression="zstd", use_dictionary=CODED,
                                         store_decimal_as_integer=True)
            self.files, self.groups = self.files + 1, 0
        self.file.write_table(table, row_group_size=ROW_GROUP)
        self.groups += 1
        if self.groups == ROW_GROUPS_PER_FILE:
            self.file.close()
            self.file = None

    def close(self):
        """Writes what is left."""
        if self.rows:
            self._group(pa.concat_tables(self.waiting).combine_chunks())
        if self.file:
            self.file.close()
