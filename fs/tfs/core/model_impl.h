// SPDX-License-Identifier: MIT
// For tests: a naive model of a file system that remembers every state it was ever in. Contents of
// past states are kept as hashes. The model runs beside the real one and is compared with it, now
// and at past moments.
#pragma once
#include "sim_impl.h"

constexpr u32 M_SLOTS = 72; // inodes at a time
constexpr u32 M_NAMES = 20; // names used in directories
constexpr u32 M_XATTRS = 3;
constexpr u32 M_FILE_MAX = 48 * 1024;
constexpr u32 M_XVALUE_MAX = 1500;

struct m_attrs { // what tfs_getattr must say
    u64 ino, size, rdev, mtime_ns, ctime_ns, atime_ns;
    u32 mode, nlink, uid, gid;
    u64 parent;
};
struct m_state { // of one inode, never changed once made
    struct m_attrs a;
    u64 hash;            // of data or symlink target
    u64 xattr[M_XATTRS]; // hash of the value; 0: none
    u64 child[M_NAMES];  // inode numbers; directories
};
struct m_inode {
    bool used, dirty;
    struct m_attrs a;
    u32 refs;
    u8 *data;
    u64 xattr[M_XATTRS];
    u8 child[M_NAMES];           // slot + 1
    const struct m_state *state; // as of the last moment; borrowed from the pool
};
struct m_moment {
    u64 seq;
    bool entry; // on the timeline: must be exact for ever
    const struct m_state *state[M_SLOTS];
};
struct model {
    struct sim *sim;
    struct tfs *fs;
    struct m_inode in[M_SLOTS];
    struct m_moment *moments;
    size_t moment_count, moment_cap;
    struct m_state **pool;
    size_t pool_count, pool_cap;
    u64 durable_seq; // last acknowledged commit
    u64 last_entry;
    u64 ops, compared_past, crashes;
    u8 *buf;
};

// "n<i>" mostly, some long, one of the greatest length.
[[maybe_unused]] static struct tfs_name m_name(u32 i) {
    static char text[M_NAMES][TFS_NAME_BYTES_MAX + 1];
    if (text[i][0] == 0) {
        snprintf(text[i], sizeof(text[i]), "name-%u", i);
        size_t want = i == 0 ? TFS_NAME_BYTES_MAX : i < 4 ? 60 + i : strlen(text[i]);
        for (size_t k = strlen(text[i]); k < want; k++) {
            text[i][k] = (char)('a' + k % 26);
        }
        text[i][want] = 0;
    }
    return (struct tfs_name){text[i], strlen(text[i])};
}

[[maybe_unused]] static struct tfs_name m_xname(u32 i) {
    static const char *names[M_XATTRS] = {"user.a", "security.capability", "user.long-name-x"};
    return (struct tfs_name){names[i], strlen(names[i])};
}

[[maybe_unused]] static u64 m_hash(const void *data, size_t len) {
    const u8 *p = data;
    u64 h = 0xcbf29ce484222325 ^ len;
    for (; len >= 8; len -= 8, p += 8) {
        u64 w;
        memcpy(&w, p, 8);
        h = (h ^ w) * 0x9e3779b97f4a7c15;
        h ^= h >> 29;
    }
    for (; len > 0; len--, p++) {
        h = (h ^ *p) * 0x100000001b3;
    }
    return h == 0 ? 1 : h;
}

#define M_FAIL(...)                                                                                \
    do {                                                                                           \
        fprintf(stderr, __VA_ARGS__);                                                              \
        fprintf(stderr, "\n");                                                                     \
        abort();                                                                                   \
    } while (0)

[[maybe_unused]] static bool m_is(const struct m_inode *m, u32 type) {
    return (m->a.mode & 0170000) == type;
}

// ---- recording
[[maybe_unused]] static const struct m_state *m_freeze(struct model *m, u32 slot) {
    struct m_inode *in = &m->in[slot];
    if (!in->used) {
        return nullptr;
    }
    if (!in->dirty) {
        return in->state;
    }
    struct m_state *s = calloc(1, sizeof(*s));
    s->a = in->a;
    s->hash = in->data != nullptr ? m_hash(in->data, in->a.size) : m_hash("", 0);
    memcpy(s->xattr, in->xattr, sizeof(s->xattr));
    for (u32 i = 0; i < M_NAMES; i++) {
        s->child[i] = in->child[i] == 0 ? 0 : m->in[in->child[i] - 1].a.ino;
    }
    if (m->pool_count == m->pool_cap) {
        m->pool_cap = m->pool_cap == 0 ? 4096 : m->pool_cap * 2;
        m->pool = realloc(m->pool, m->pool_cap * sizeof(*m->pool));
    }
    m->pool[m->pool_count++] = s;
    in->state = s;
    in->dirty = false;
    return s;
}

[[maybe_unused]] static void m_record(struct model *m, u64 seq, bool entry) {
    if (m->moment_count > 0 && m->moments[m->moment_count - 1].seq == seq) {
        m->moments[m->moment_count - 1].entry |= entry;
        return;
    }
    if (m->moment_count == m->moment_cap) {
        m->moment_cap = m->moment_cap == 0 ? 1024 : m->moment_cap * 2;
        m->moments = realloc(m->moments, m->moment_cap * sizeof(*m->moments));
    }
    struct m_moment *mo = &m->moments[m->moment_count++];
    mo->seq = seq;
    mo->entry = entry;
    for (u32 i = 0; i < M_SLOTS; i++) {
        mo->state[i] = m_freeze(m, i);
    }
}

[[maybe_unused]] static const struct m_state *m_state_of(const struct m_moment *mo, u64 ino) {
    for (u32 i = 0; i < M_SLOTS; i++) {
        if (mo->state[i] != nullptr && mo->state[i]->a.ino == ino) {
            return mo->state[i];
        }
    }
    return nullptr;
}

// ---- comparing one moment (at = TFS_NOW: the present)
struct m_listing {
    const struct m_state *s;
    u32 count, wrong;
    u64 last_cookie;
};

[[maybe_unused]] static bool m_emit(void *arg, const struct tfs_dirent *d) {
    struct m_listing *l = arg;
    bool found = false;
    for (u32 i = 0; i < M_NAMES; i++) {
        struct tfs_name n = m_name(i);
        if (n.len == d->name.len && memcmp(n.bytes, d->name.bytes, n.len) == 0) {
            found = l->s->child[i] == d->ino;
        }
    }
    l->wrong += found && d->next_cookie > l->last_cookie ? 0 : 1;
    l->last_cookie = d->next_cookie;
    l->count++;
    return true;
}

struct m_xlisting {
    const struct m_state *s;
    u32 count, wrong;
};
[[maybe_unused]] static bool m_xemit(void *arg, struct tfs_name name, size_t len) {
    struct m_xlisting *l = arg;
    bool found = false;
    unused_arg(len);
    for (u32 i = 0; i < M_XATTRS; i++) {
        struct tfs_name n = m_xname(i);
        found |=
            n.len == name.len && memcmp(n.bytes, name.bytes, n.len) == 0 && l->s->xattr[i] != 0;
    }
    l->wrong += found ? 0 : 1;
    l->count++;
    return true;
}

[[maybe_unused]] static const char *m_compare_inode(struct model *m, u64 at,
                                                    const struct m_state *s) {
    struct tfs_attr a;
    if (tfs_getattr(m->fs, at, s->a.ino, &a) != ERR_OK) {
        return "getattr fails";
    }
    if (a.mode != s->a.mode || a.nlink != s->a.nlink || a.uid != s->a.uid || a.gid != s->a.gid ||
        a.rdev != s->a.rdev || a.size != s->a.size || a.parent_ino != s->a.parent) {
        return "attributes differ";
    }
    if (a.mtime_ns != s->a.mtime_ns || a.ctime_ns != s->a.ctime_ns || a.atime_ns != s->a.atime_ns) {
        return "times differ";
    }
    u32 type = s->a.mode & 0170000;
    if (type == 0100000 || type == 0120000) {
        size_t got = 0;
        err_t err =
            tfs_read(m->fs, at, s->a.ino, (struct tfs_span){0, M_FILE_MAX + 10}, m->buf, &got);
        if (err != ERR_OK || got != s->a.size) {
            return "read fails";
        }
        if (m_hash(m->buf, got) != s->hash) {
            return "content differs";
        }
    }
    u32 xattrs = 0;
    for (u32 i = 0; i < M_XATTRS; i++) {
        size_t got = 0;
        struct tfs_buf buf = {m->buf, M_FILE_MAX};
        err_t err = tfs_xattr_get(m->fs, at, s->a.ino, m_xname(i), buf, &got);
        if (s->xattr[i] == 0 ? err != ERR_NODATA : err != ERR_OK) {
            return "xattr presence differs";
        }
        if (s->xattr[i] != 0 && m_hash(m->buf, got) != s->xattr[i]) {
            return "xattr value differs";
        }
        xattrs += s->xattr[i] != 0 ? 1 : 0;
    }
    struct m_xlisting xl = {.s = s};
    if (tfs_xattr_list(m->fs, at, s->a.ino, m_xemit, &xl) != ERR_OK || xl.wrong > 0 ||
        xl.count != xattrs) {
        return "xattr list differs";
    }
    if (type == 0040000) {
        struct m_listing l = {.s = s};
        u32 count = 0;
        for (u32 i = 0; i < M_NAMES; i++) {
            u64 ino = 0;
            err_t err = tfs_lookup(m->fs, at, s->a.ino, m_name(i), &ino);
            count += s->child[i] != 0 ? 1 : 0;
            if (s->child[i] == 0 ? err != ERR_NOENT : err != ERR_OK || ino != s->child[i]) {
                return "lookup differs";
            }
        }
        if (tfs_readdir(m->fs, at, s->a.ino, 0, m_emit, &l) != ERR_OK || l.wrong > 0 ||
            l.count != count) {
            return "readdir differs";
        }
    }
    return nullptr;
}

// Null: equal. Walks what a path leads to.
[[maybe_unused]] static const char *m_compare(struct model *m, u64 at, const struct m_moment *mo,
                                              u64 *where) {
    u64 todo[M_SLOTS];
    u32 count = 1;
    todo[0] = TFS_ROOT_INO;
    for (u32 i = 0; i < count; i++) {
        const struct m_state *s = m_state_of(mo, todo[i]);
        *where = todo[i];
        if (s == nullptr) {
            return "the model lost an inode";
        }
        const char *why = m_compare_inode(m, at, s);
        if (why != nullptr) {
            return why;
        }
        for (u32 k = 0; k < M_NAMES; k++) {
            bool known = s->child[k] == 0;
            for (u32 j = 0; j < count && !known; j++) {
                known = todo[j] == s->child[k];
            }
            if (!known) {
                todo[count++] = s->child[k];
            }
        }
    }
    return nullptr;
}

[[maybe_unused]] static void m_free(struct model *m) {
    for (u32 i = 0; i < M_SLOTS; i++) {
        free(m->in[i].data);
    }
    for (size_t i = 0; i < m->pool_count; i++) {
        free(m->pool[i]);
    }
    free(m->pool);
    free(m->moments);
    free(m->buf);
}
