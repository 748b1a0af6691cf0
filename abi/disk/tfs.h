// SPDX-License-Identifier: MIT
// tfs on disk. docs/tfs-format.md explains; every structure names its section there. All numbers
// little-endian, blocks of 4096 bytes, reserved bytes zero. CRC = CRC-32C.
#pragma once
#include <lib/le.h>

constexpr u64 TFS_SUPER_MAGIC = 0x31734654746e7248; // "HrntTFs1"
constexpr u32 TFS_NODE_MAGIC = 0x646f4e74;          // "tNod"
constexpr u32 TFS_BITMAP_MAGIC = 0x70614d74;        // "tMap"
constexpr u32 TFS_VERSION = 1;

// Layout (section 1): superblock ring, allocation groups, superblock ring.
constexpr u32 TFS_RING_SLOTS = 64;
constexpr u32 TFS_AG_BLOCKS = 32256;  // the first two are bitmaps A and B
constexpr u32 TFS_AG_MIN_BLOCKS = 64; // a shorter rest at the end of the volume stays unused
constexpr u32 TFS_AG_MAX = 12288;     // hence at most 1.5 TiB
constexpr u32 TFS_LEVEL_MAX = 11;     // of a tree's root

struct tfs_bp {           // pointer to a node (section 2)
    struct le64 paddr[2]; // both copies; 0: no tree
    struct le64 birth_txg;
    struct le32 crc; // of the node, as in its header
    u8 level;        // of the node pointed to
    u8 zero[3];
};
static_assert(sizeof(struct tfs_bp) == 32);

struct tfs_super { // section 3
    struct le64 magic;
    struct le32 crc; // of bytes 12..4095
    struct le32 version;
    struct le64 fsid;
    u8 uuid[16];
    u8 label[32];
    struct le64 hash_key[2]; // SipHash key of names
    struct le64 block_count;
    struct le64 txg;            // this commit; slot = txg mod 64
    struct le64 seq;            // last operation in this commit
    struct le64 last_entry_seq; // last timeline entry
    struct le64 wall_ns;        // when committed
    struct le64 created_ns;
    struct le64 blocks_used;
    struct le64 next_ino;
    struct le64 next_run;
    struct le64 inodes_used;
    struct le64 memtable_records;
    struct le64 memtable_nodes;
    struct le64 memtable_min_birth;
    struct tfs_bp live;     // the live tree
    struct tfs_bp memtable; // the history memtable
    u8 zero[768];
    // One bit a group. In use: it has bitmaps; clear: all of it is free. Slot: the present bitmap
    // is A (0) or B.
    u8 ag_in_use[TFS_AG_MAX / 8];
    u8 ag_slot[TFS_AG_MAX / 8];
};
static_assert(sizeof(struct tfs_super) == 4096);
static_assert(offsetof(struct tfs_super, version) == 12);
static_assert(offsetof(struct tfs_super, live) == 192);
static_assert(offsetof(struct tfs_super, ag_in_use) == 1024);

struct tfs_bitmap { // section 4
    struct le32 magic;
    struct le32 crc; // of bytes 8..4095
    struct le64 fsid;
    struct le64 paddr; // self
    struct le64 txg;
    struct le32 group;
    struct le32 used;
    u8 zero[24];
    u8 bits[TFS_AG_BLOCKS / 8]; // bit set: in use
};
static_assert(sizeof(struct tfs_bitmap) == 4096);
static_assert(offsetof(struct tfs_bitmap, bits) == 64);

enum tfs_tree : u8 { TFS_TREE_LIVE = 1, TFS_TREE_MEMTABLE = 2, TFS_TREE_RUN = 3 };

struct tfs_node { // head of a node (section 2)
    struct le32 magic;
    struct le32 crc; // of bytes 8..4095
    struct le64 fsid;
    struct le64 paddr[2]; // both copies of this node
    struct le64 birth_txg;
    struct le64 tree_id;   // run number; 0 for the live tree and the memtable
    u8 tree;               // enum tfs_tree
    u8 level;              // 0: leaf
    struct le16 count;     // items or pointers
    struct le16 heap;      // leaf: lowest offset used by values
    struct le16 heap_used; // leaf: sum of the value lengths
    u8 zero[8];
};
static_assert(sizeof(struct tfs_node) == 64);

struct tfs_item { // in a leaf, sorted by (obj, type, off, death)
    struct le64 obj;
    struct le64 off;
    struct le64 death; // all ones in the live tree
    struct le64 birth;
    u8 type; // enum tfs_type
    u8 zero0;
    struct le16 value_off; // from the start of the node
    struct le16 value_len;
    u8 zero1[2];
};
static_assert(sizeof(struct tfs_item) == 40);

struct tfs_ptr { // in an inner node, sorted; the key is not above the child's first key
    struct le64 obj;
    struct le64 off;
    struct le64 death;
    u8 type;
    u8 zero[7];
    struct tfs_bp bp;
};
static_assert(sizeof(struct tfs_ptr) == 64);

constexpr u32 TFS_NODE_SPACE = 4096 - sizeof(struct tfs_node);
constexpr u32 TFS_PTRS_MAX = TFS_NODE_SPACE / sizeof(struct tfs_ptr);
constexpr u32 TFS_VALUE_MAX = 2400;

enum tfs_type : u8 { // section 5
    TFS_INODE = 1,
    TFS_INLINE = 2,   // off 0: the file's bytes
    TFS_DIRENT = 3,   // off: name hash
    TFS_EXTENT = 4,   // off: file block
    TFS_XATTR = 5,    // off: name hash
    TFS_ORPHAN = 6,   // obj 0, off: inode number
    TFS_RUN = 7,      // obj 0, off: run number
    TFS_TIMELINE = 8, // obj 0, off: seq of the first entry inside
};

struct tfs_inode_value {
    struct le32 mode, nlink, uid, gid;
    struct le64 rdev;
    struct le64 size;
    struct le64 blocks; // data blocks of 4096
    struct le64 atime_ns, mtime_ns, ctime_ns, btime_ns;
    struct le64 parent; // directories
    u8 zero[16];
};
static_assert(sizeof(struct tfs_inode_value) == 96);

constexpr u32 TFS_INLINE_MAX = 2048;

struct tfs_dirent_value {
    struct le64 ino;
    u8 mode_type; // S_IF bits >> 12
    u8 name_len;
    u8 name[];
};
static_assert(sizeof(struct tfs_dirent_value) == 10);

constexpr u32 TFS_EXTENT_BLOCKS_MAX = 128;

struct tfs_extent_value {
    struct le64 paddr;
    struct le32 blocks;
    struct le32 crc[]; // one a block
};
static_assert(sizeof(struct tfs_extent_value) == 12);

struct tfs_xattr_value {
    u8 name_len;
    u8 zero;
    struct le16 value_len;
    u8 bytes[]; // name, value
};
static_assert(sizeof(struct tfs_xattr_value) == 4);

struct tfs_orphan_value { // what is left to remove: all of it (keep = 0 and nlink = 0), or the data
                          // from keep on
    struct le64 keep_bytes;
    u8 whole;
    u8 zero[7];
};
static_assert(sizeof(struct tfs_orphan_value) == 16);

struct tfs_run_value { // section 6
    struct tfs_bp root;
    struct le64 records, nodes;
    struct le64 min_birth, min_death, max_death;
    struct le64 first_obj, last_obj;
    struct le64 min_wall_ns;                     // over its timeline entries; all ones: none
    struct le64 first_entry_seq, last_entry_seq; // all ones and 0: none
    struct le64 zero;
    u8 bloom[1024]; // over obj
};
static_assert(sizeof(struct tfs_run_value) == 32 + 11 * 8 + 1024);

struct tfs_timeline_value { // count entries as LEB128 numbers: seq, wall, mono, ino, kind; see
                            // section 7
    struct le16 count;
    u8 bytes[];
};
