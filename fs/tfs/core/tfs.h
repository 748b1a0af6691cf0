// SPDX-License-Identifier: MIT
// tfs: the temporal file system, as a library. Pure: every outside need is a hook in struct
// tfs_env.
//
// Time. Each operation that changes something takes the next number `seq`. A *timeline entry* marks
// a seq whose state is kept for ever, exactly: all of the file system as it was right after that
// operation. Operations on names and attributes (create, link, unlink, rmdir, rename, symlink,
// setattr, truncate, xattrs) make an entry themselves; data writes become a version at the next
// entry: tfs_boundary (close, fsync, …), a background commit, or any other operation's entry.
// Reading functions take `at`: TFS_NOW, or a seq that came out of tfs_seq_of_time, tfs_seq_snap or
// tfs_timeline_each (a seq that is not an entry is allowed, but may show a mix of the operations
// around it).
//
// Threads. Every function may be called from any thread and may sleep; one mutex inside (from env)
// orders them. File data is read outside of that mutex. Callbacks run with the mutex held unless
// said otherwise: they must not call tfs. Errors (all functions): ERR_IO and what env returns;
// ERR_TFS_CHECKSUM, ERR_TFS_FORMAT (damage on disk); ERR_NOMEM; writers also ERR_ROFS (read-only
// mount, or the file system stopped after a failed write) and ERR_NOSPC. Ownership: names and
// buffers are borrowed for the call. Results are written only on success. Format: abi/disk/tfs.h,
// docs/tfs-format.md.
#pragma once
#include <lib/types.h>

constexpr u64 TFS_NOW = ~(u64)0;
constexpr u64 TFS_ROOT_INO = 1;
constexpr u32 TFS_BLOCK_SIZE = 4096;
constexpr u32 TFS_NAME_BYTES_MAX = 255;     // names are byte strings without '/' and NUL
constexpr u32 TFS_SYMLINK_BYTES_MAX = 4095; // target without NUL
constexpr u32 TFS_XATTR_VALUE_BYTES_MAX = 2048;
constexpr u32 TFS_LINKS_MAX = 65000;
constexpr u64 TFS_FILE_BYTES_MAX = (u64)1 << 56;
constexpr u64 TFS_MIN_BYTES = MIB(8);

enum tfs_log_level : u8 { TFS_LOG_ERROR, TFS_LOG_WARN, TFS_LOG_INFO };

// The outside world. Blocks are 4096 bytes, numbered from the start of the volume. All hooks may
// sleep.
struct tfs_env {
    void *arg;       // handed to each hook
    u64 block_count; // size of the volume in blocks
    err_t (*read)(void *arg, u64 block, u32 count, void *buf);
    err_t (*write)(void *arg, u64 block, u32 count, const void *buf); // null: read-only device
    err_t (*flush)(void *arg); // returns when all finished writes are durable
    void *(*alloc)(void *arg,
                   size_t bytes); // null when out of memory; at least 16-byte aligned; not zeroed
    void (*free)(void *arg, void *mem, size_t bytes); // bytes as asked for; mem is not null
    void *(*mutex_create)(void *arg);                 // null when out of memory
    void (*mutex_destroy)(void *arg, void *mutex);
    void (*lock)(void *arg, void *mutex);
    void (*unlock)(void *arg, void *mutex);
    u64 (*now_wall_ns)(void *arg); // since 1970 UTC
    u64 (*now_mono_ns)(void *arg); // since boot
    u64 (*random)(void *arg);
    void (*log)(void *arg, enum tfs_log_level level, const char *text); // one line, no newline
};

struct tfs; // one mounted volume

struct tfs_format_opts {
    const char *label; // up to 31 bytes; may be null
    u32 root_mode;     // permission bits of the root directory; 0: 0755
    u32 root_uid, root_gid;
};
// Writes an empty volume over env (env->block_count blocks). Nothing old is kept. ERR_INVAL: size
// out of range.
err_t tfs_format(const struct tfs_env *env, const struct tfs_format_opts *opts);

struct tfs_mount_opts {
    bool read_only;     // nothing is written, orphans stay
    u64 cache_bytes;    // cap of the metadata cache; 0: 4 MiB; at least 1 MiB
    u32 memtable_nodes; // history in memory becomes a run from this size on; 0: 512
    bool
        bulk; // for mktfs: operations make no timeline entries, only tfs_boundary and tfs_commit do
};
// env is copied; what it points to must live until tfs_unmount.
// ERR_TFS_NOT_TFS: no superblock at all; ERR_TFS_VERSION; ERR_TFS_CHECKSUM: superblocks there but
// none usable.
err_t tfs_mount(const struct tfs_env *env, const struct tfs_mount_opts *opts, struct tfs **fs);
// Commits (unless read-only or failed) and frees. fs is gone whatever is returned; the error is the
// commit's.
err_t tfs_unmount(struct tfs *fs);

// Why a timeline entry was made.
enum tfs_kind : u8 {
    TFS_KIND_COMMIT = 1, // background commit, sync
    TFS_KIND_CLOSE,
    TFS_KIND_FSYNC,
    TFS_KIND_CREATE,
    TFS_KIND_LINK,
    TFS_KIND_UNLINK, // also rmdir
    TFS_KIND_RENAME,
    TFS_KIND_TRUNCATE, // also fallocate and punch
    TFS_KIND_ATTR,
    TFS_KIND_XATTR,
    TFS_KIND_MARK,
    TFS_KIND_FORMAT,
};
// Makes everything done so far durable; with changes since the last entry also makes an entry
// TFS_KIND_COMMIT.
err_t tfs_commit(struct tfs *fs);
// Makes the present state a timeline entry, in memory (durable with the next commit). No entry when
// nothing changed.
err_t tfs_boundary(struct tfs *fs, u64 ino, enum tfs_kind kind);
// True when a commit would write something. Cheap, for the background committer.
bool tfs_is_dirty(struct tfs *fs);

// ---- attributes
// ---------------------------------------------------------------------------------- mode carries
// Linux's S_IF type bits (octal 0040000 directory, 0100000 file, 0120000 symlink, …).
struct tfs_attr {
    u64 ino;
    u32 mode, nlink, uid, gid;
    u64 rdev;                                   // as given to tfs_create
    u64 size;                                   // bytes; directories: number of entries
    u64 blocks_512;                             // Linux's st_blocks
    u64 atime_ns, mtime_ns, ctime_ns, btime_ns; // since 1970 UTC
    u64 parent_ino;                             // directories: what ".." is; otherwise 0
    u64 version_seq; // seq of the operation that made this state of the inode
};
err_t tfs_getattr(struct tfs *fs, u64 at, u64 ino, struct tfs_attr *attr); // ERR_NOENT

enum : u32 {
    TFS_SET_MODE = 1, // permission bits only; the type stays
    TFS_SET_UID = 2,
    TFS_SET_GID = 4,
    TFS_SET_SIZE = 8, // as tfs_truncate
    TFS_SET_ATIME = 16,
    TFS_SET_MTIME = 32,
    TFS_SET_CTIME = 64,  // otherwise ctime becomes now
    TFS_SET_BTIME = 128, // for mktfs
};
struct tfs_setattr {
    u32 mask;
    u32 mode, uid, gid;
    u64 size, atime_ns, mtime_ns, ctime_ns, btime_ns;
};
err_t tfs_setattr(struct tfs *fs, u64 ino, const struct tfs_setattr *set);

// In-memory references. A file whose last name goes while it is referenced lives on (across crashes
// as an orphan that the next mount removes) until the last tfs_release. Reads and writes by ino do
// not need a reference by themselves.
err_t tfs_open(struct tfs *fs, u64 ino); // ERR_NOENT
err_t tfs_release(struct tfs *fs, u64 ino);

// ---- names
// ---------------------------------------------------------------------------------------
struct tfs_name {
    const char *bytes; // not terminated
    size_t len;
};
// Common errors: ERR_NOENT, ERR_NOTDIR, ERR_EXIST, ERR_NAMETOOLONG, ERR_INVAL (empty, ".", "..",
// '/' or NUL inside). Permissions are the caller's affair. "." and ".." are never stored: use
// attr.parent_ino.
err_t tfs_lookup(struct tfs *fs, u64 at, u64 dir, struct tfs_name name, u64 *ino);

struct tfs_create {
    u32 mode; // type and permission bits: file, directory, symlink (by tfs_symlink only), fifo,
              // chr, blk, sock
    u32 uid, gid;
    u64 rdev;
};
err_t tfs_create(struct tfs *fs, u64 dir, struct tfs_name name, const struct tfs_create *how,
                 u64 *ino);
// An inode without a name, referenced once for the caller (O_TMPFILE); tfs_link gives it a name.
err_t tfs_create_unnamed(struct tfs *fs, const struct tfs_create *how, u64 *ino);
// how->mode: permission bits only (0777 by custom).
err_t tfs_symlink(struct tfs *fs, u64 dir, struct tfs_name name, struct tfs_name target,
                  const struct tfs_create *how, u64 *ino);
// Copies up to len bytes of the target (no NUL); *got is the full length. ERR_INVAL: not a symlink.
err_t tfs_readlink(struct tfs *fs, u64 at, u64 ino, char *buf, size_t len, size_t *got);
err_t tfs_link(struct tfs *fs, u64 dir, struct tfs_name name,
               u64 ino);                                         // ERR_PERM: a directory; ERR_MLINK
err_t tfs_unlink(struct tfs *fs, u64 dir, struct tfs_name name); // ERR_ISDIR
err_t tfs_rmdir(struct tfs *fs, u64 dir, struct tfs_name name);  // ERR_NOTEMPTY

enum : u32 { TFS_RENAME_NOREPLACE = 1, TFS_RENAME_EXCHANGE = 2 }; // Linux's values
struct tfs_rename {
    u64 from_dir;
    struct tfs_name from;
    u64 to_dir;
    struct tfs_name to;
    u32 flags;
};
// Linux's rules: ERR_INVAL moving a directory below itself, ERR_ISDIR, ERR_NOTDIR, ERR_NOTEMPTY,
// ERR_EXIST.
err_t tfs_rename(struct tfs *fs, const struct tfs_rename *how);

struct tfs_dirent {
    u64 ino;
    u32 mode_type; // S_IF bits only
    struct tfs_name name;
    u64 next_cookie; // continue after this entry; at least 256, below 2^63, stable for the life of
                     // the entry
};
// Calls emit for each entry from `cookie` on (0: from the start; values below 256 are free for "."
// and ".." of the caller and mean the start here) until it returns false. Entries come in hash
// order; entries that stay are emitted exactly once even when others come and go between calls. The
// mutex is held during emit. ERR_NOTDIR.
typedef bool tfs_emit_fn(void *arg, const struct tfs_dirent *entry);
err_t tfs_readdir(struct tfs *fs, u64 at, u64 dir, u64 cookie, tfs_emit_fn *emit, void *arg);

// ---- data
// ----------------------------------------------------------------------------------------
struct tfs_span { // a range of a file, in bytes
    u64 offset;
    size_t len;
};
// Reads up to span.len bytes; holes are zeros; *got < span.len only at the end. ERR_ISDIR;
// ERR_INVAL: no data here.
err_t tfs_read(struct tfs *fs, u64 at, u64 ino, struct tfs_span span, void *buf, size_t *got);
// Writes all of it and grows the file as needed; mtime and ctime become now. On an error *put bytes
// were written.
err_t tfs_write(struct tfs *fs, u64 ino, struct tfs_span span, const void *buf, size_t *put);
err_t tfs_truncate(struct tfs *fs, u64 ino, u64 size); // growing leaves a hole; ERR_FBIG

enum : u32 {
    TFS_FALLOC_KEEP_SIZE = 1,
    TFS_FALLOC_PUNCH_HOLE = 2
}; // Linux's values; punch needs keep-size
// Plain: the range is inside the file and there is space for it now (blocks are chosen at write
// time: copy on write).
err_t tfs_fallocate(struct tfs *fs, u64 ino, u32 flags, u64 offset, u64 len);
// lseek's SEEK_DATA (hole = false) and SEEK_HOLE. ERR_NXIO: at or behind the end, or no more data.
err_t tfs_seek(struct tfs *fs, u64 at, u64 ino, u64 offset, bool hole, u64 *found);

// ---- extended attributes
// -------------------------------------------------------------------------
enum : u32 { TFS_XATTR_CREATE = 1, TFS_XATTR_REPLACE = 2 }; // Linux's values
struct tfs_buf {
    void *data;
    size_t len;
};
struct tfs_bytes {
    const void *data;
    size_t len;
};
// ERR_NODATA: no such attribute. ERR_NOSPC: value too big. name: full name ("user.x"), 1..255
// bytes. Get copies up to buf.len bytes; *got is the full length.
err_t tfs_xattr_get(struct tfs *fs, u64 at, u64 ino, struct tfs_name name, struct tfs_buf buf,
                    size_t *got);
err_t tfs_xattr_set(struct tfs *fs, u64 ino, struct tfs_name name, struct tfs_bytes value,
                    u32 flags);
err_t tfs_xattr_remove(struct tfs *fs, u64 ino, struct tfs_name name);
// Calls emit per name until it returns false.
typedef bool tfs_xattr_emit_fn(void *arg, struct tfs_name name, size_t value_len);
err_t tfs_xattr_list(struct tfs *fs, u64 at, u64 ino, tfs_xattr_emit_fn *emit, void *arg);

// ---- time
// ----------------------------------------------------------------------------------------
struct tfs_moment { // one timeline entry
    u64 seq, wall_ns, mono_ns, ino;
    enum tfs_kind kind;
};
// The entry with the greatest seq whose wall clock is <= wall_ns; monotone in wall_ns even when the
// clock jumped. ERR_HISTORY_NOT_KEPT: before the first entry.
err_t tfs_seq_of_time(struct tfs *fs, u64 wall_ns, u64 *seq);
// The last entry with entry.seq <= seq. ERR_HISTORY_NOT_KEPT.
err_t tfs_seq_snap(struct tfs *fs, u64 seq, struct tfs_moment *moment);
err_t tfs_time_of_seq(struct tfs *fs, u64 seq, u64 *wall_ns); // of the snapped entry
u64 tfs_current_seq(struct tfs *fs);
// Calls emit for the entries with seq <= newest, newest first, until it returns false.
typedef bool tfs_moment_fn(void *arg, const struct tfs_moment *moment);
err_t tfs_timeline_each(struct tfs *fs, u64 newest, tfs_moment_fn *emit, void *arg);
// Calls emit for each kept state of one inode, newest first: [birth_seq, death_seq), death TFS_NOW
// for the present.
struct tfs_version {
    u64 birth_seq, death_seq;
    struct tfs_attr attr;
};
typedef bool tfs_version_fn(void *arg, const struct tfs_version *version);
err_t tfs_versions_each(struct tfs *fs, u64 ino, tfs_version_fn *emit, void *arg);

// ---- the volume
// ----------------------------------------------------------------------------------
struct tfs_statfs {
    u64 blocks_total, blocks_free,
        blocks_available; // of 4096 bytes; available: without the reserve
    u64 inodes_used;
    u64 fsid;
    u64 txg;             // number of the last commit
    u64 seq;             // current
    u64 history_records; // superseded records kept
    u64 history_runs;
    u8 uuid[16];
    char label[32];
};
err_t tfs_statfs(struct tfs *fs, struct tfs_statfs *out);

enum : u32 { TFS_CHECK_DATA = 1 }; // also read all file data, past and present, and verify it
struct tfs_check_stats {
    u64 problems, nodes, live_records, history_records, data_blocks, inodes, dirents,
        timeline_entries, runs;
    u64 blocks_used, blocks_total;
};
typedef void tfs_report_fn(void *arg, const char *text);
// Checks a volume that is not mounted for writing. Every problem is reported as one line. Returns
// ERR_OK when it could look (also with problems > 0), or why not even a mount was possible (that is
// reported as well).
err_t tfs_check(const struct tfs_env *env, u32 flags, tfs_report_fn *report, void *arg,
                struct tfs_check_stats *stats);
