// SPDX-License-Identifier: MIT
// The name cache and the tree of names in use.
//
// An entry says: the name N in directory D, reached by way of entry P, is vnode V (or nothing: a
// negative entry). An entry in use (by an open path, or as the parent of an entry) has references
// and stays; one without is on the LRU list while it is hashed and freed otherwise. So names in use
// always form complete chains to the root, which is how `..`, getcwd and /proc/N/fd work, also
// after renames (the entry moves) and removals (the entry is taken out of the hash and marked).
//
// Invariants, all under the name_cache spinlock:
//  1. refs of an entry = paths that hold it + entries whose parent it is.
//  2. hashed entries of one (parent, dir, name) are unique; two parents (bind mounts) may share
//  (dir, name).
//  3. on the LRU list if and only if hashed and refs == 0.
//  4. an entry owns a reference to dir and to vnode. They are put only after the spinlock is free:
//  putting a vnode may sleep.
//  5. entries are hashed, and negative ones used, only while the directory's lock is held by the
//  one who looked: so a creation,
//     which holds the lock too, cannot be missed.
#include "vfs_impl.h"
#include <kernel/base/entropy.h>
#include <mm/phys/page.h>

constexpr size_t NAME_INLINE_BYTES = 40;
struct name_entry {
    u32 refs;
    u32 hash;
    bool hashed, deleted;
    bool verify; // see NAME_VERIFY
    u16 len;
    struct name_entry *parent; // null: root
    struct vnode *dir;
    struct vnode *vnode; // null: negative
    struct list hash_node;
    struct list lru_node; // LRU list, or a list of victims
    char *name;           // inline_name or heap
    char inline_name[NAME_INLINE_BYTES];
};

struct name_cache {
    struct spinlock lock;
    struct list *buckets GUARDED_BY(lc_name_cache);
    u32 bucket_mask;
    u32 count_max;
    u32 count GUARDED_BY(lc_name_cache); // hashed
    struct list lru GUARDED_BY(lc_name_cache);
    u64 key;
};
DECLARE_SPIN_CLASS(name_cache, struct name_cache, lock)
static struct name_cache cache;

void name_init(void) NO_LOCK_ANALYSIS { // WHY: alone at start
    u64 wanted = page_array_count / 16;
    cache.count_max = (u32)MIN(MAX(wanted, 1024), 65536);
    u32 buckets = 512;
    while (buckets < cache.count_max / 2) {
        buckets *= 2;
    }
    if (heap_alloc_array(buckets, sizeof(struct list), (void **)&cache.buckets) != ERR_OK) {
        panic("no memory for the name cache");
    }
    for (u32 i = 0; i < buckets; i++) {
        list_init(&cache.buckets[i]);
    }
    cache.bucket_mask = buckets - 1;
    list_init(&cache.lru);
    cache.key = entropy_u64() | 1;
}

static u32 hash_name(const struct vnode *dir, const char *name, size_t len) {
    u64 h = cache.key ^ (u64)(uintptr_t)dir;
    for (size_t i = 0; i < len; i++) {
        h = (h ^ (u8)name[i]) * 0x100000001b3;
    }
    h = (h ^ (h >> 29)) * cache.key;
    return (u32)(h >> 32);
}

static bool entry_is(const struct name_entry *e, u32 hash, const struct vnode *dir,
                     const struct path_part *part) {
    return e->hash == hash && e->dir == dir && e->len == part->len &&
           memcmp(e->name, part->bytes, part->len) == 0;
}

static struct name_entry *find_locked(const struct path *dir, u32 hash,
                                      const struct path_part *part) REQUIRES(lc_name_cache) {
    struct name_entry *e;
    list_for_each(e, &cache.buckets[hash & cache.bucket_mask], hash_node) {
        if (e->parent == dir->name && entry_is(e, hash, dir->vnode, part)) {
            return e;
        }
    }
    return nullptr;
}

static void unhash(struct name_entry *e) REQUIRES(lc_name_cache) {
    if (e->hashed) {
        e->hashed = false;
        list_remove(&e->hash_node);
        cache.count--;
        if (e->refs == 0) {
            list_remove(&e->lru_node);
        }
    }
}

static void rehash(struct name_entry *e) REQUIRES(lc_name_cache) {
    e->hash = hash_name(e->dir, e->name, e->len);
    e->hashed = true;
    list_push_front(&cache.buckets[e->hash & cache.bucket_mask], &e->hash_node);
    cache.count++;
}

// Drops one reference; entries that nobody needs any more go to victims, parents included.
static void put_locked(struct name_entry *e, struct list *victims) REQUIRES(lc_name_cache) {
    while (e != nullptr) {
        assert(e->refs != 0);
        if (--e->refs != 0) {
            return;
        }
        if (e->hashed) {
            list_push_back(&cache.lru, &e->lru_node);
            return;
        }
        struct name_entry *parent = e->parent;
        list_push_back(victims, &e->lru_node);
        e = parent;
    }
}

static void evict(struct name_entry *e, struct list *victims) REQUIRES(lc_name_cache) {
    unhash(e);
    if (e->refs == 0) {
        list_push_back(victims, &e->lru_node);
        put_locked(e->parent, victims);
    }
}

static void free_entry(struct name_entry *e) {
    if (e->name != e->inline_name) {
        heap_free_raw(e->name);
    }
    heap_free_raw(e);
}

static void free_victims(struct list *victims) {
    struct list *n;
    while ((n = list_pop_front(victims)) != nullptr) {
        struct name_entry *e = list_entry(n, struct name_entry, lru_node);
        vnode_put(e->vnode);
        vnode_put(e->dir);
        free_entry(e);
    }
}

static err_t copy_name(struct name_entry *e, const struct path_part *part) {
    e->name = e->inline_name;
    if (part->len >= NAME_INLINE_BYTES) {
        TRY(heap_alloc(part->len + 1, (void **)&e->name));
    }
    memcpy(e->name, part->bytes, part->len);
    e->name[part->len] = 0;
    e->len = (u16)part->len;
    return ERR_OK;
}

err_t name_create_root(struct vnode *root, struct name_entry **out) {
    struct name_entry *e;
    TRY(heap_new(&e));
    e->name = e->inline_name;
    e->refs = 1;
    list_init(&e->hash_node);
    list_init(&e->lru_node);
    vnode_get(root);
    e->vnode = root;
    *out = e;
    return ERR_OK;
}

static void get_locked(struct name_entry *e) REQUIRES(lc_name_cache) {
    if (e->refs++ == 0 && e->hashed) {
        list_remove(&e->lru_node);
    }
}

void name_get(struct name_entry *e) {
    if (e != nullptr) {
        GUARD(name_cache, &cache);
        get_locked(e);
    }
}

void name_put(struct name_entry *e) {
    if (e == nullptr) {
        return;
    }
    struct list victims = LIST_INIT(victims);
    name_cache_lock(&cache);
    put_locked(e, &victims);
    name_cache_unlock(&cache);
    free_victims(&victims);
}

struct name_entry *name_parent_get(struct name_entry *e, struct vnode **dir) {
    GUARD(name_cache, &cache);
    if (e == nullptr || e->parent == nullptr) {
        return nullptr;
    }
    get_locked(e->parent);
    vnode_get(e->dir);
    *dir = e->dir;
    return e->parent;
}

enum name_result name_find(const struct path *dir, const struct path_part *part, struct path *out) {
    u32 hash = hash_name(dir->vnode, part->bytes, part->len);
    GUARD(name_cache, &cache);
    struct name_entry *e = find_locked(dir, hash, part);
    if (e == nullptr || e->verify) {
        return NAME_MISS;
    }
    if (e->vnode == nullptr) {
        return NAME_NEGATIVE;
    }
    get_locked(e);
    vnode_get(e->vnode);
    *out = (struct path){e->vnode, e};
    return NAME_HIT;
}

static void insert(struct name_entry *e, const struct path *dir, const struct path_part *part,
                   struct list *victims) REQUIRES(lc_name_cache) {
    struct name_entry *old = find_locked(dir, hash_name(dir->vnode, part->bytes, part->len), part);
    if (old != nullptr) {
        evict(old, victims);
    }
    while (cache.count >= cache.count_max && !list_empty(&cache.lru)) {
        evict(list_first(&cache.lru, struct name_entry, lru_node), victims);
    }
    rehash(e);
}

// An entry that says the same already, for a name that has to be asked for each time.
static bool find_same(const struct path *dir, const struct path_part *part, struct vnode *v,
                      struct path *out) {
    u32 hash = hash_name(dir->vnode, part->bytes, part->len);
    GUARD(name_cache, &cache);
    struct name_entry *e = find_locked(dir, hash, part);
    if (e == nullptr || e->vnode != v) {
        return false;
    }
    get_locked(e);
    vnode_get(v);
    *out = (struct path){v, e};
    return true;
}

static err_t make_entry(const struct path *dir, const struct path_part *part, struct vnode *v,
                        struct name_entry **out) {
    struct name_entry *e;
    TRY(heap_new(&e));
    err_t err = copy_name(e, part);
    if (err != ERR_OK) {
        heap_free(&e);
        return err;
    }
    list_init(&e->hash_node);
    list_init(&e->lru_node);
    e->parent = dir->name;
    e->dir = dir->vnode;
    vnode_get(e->dir);
    e->vnode = v;
    if (v != nullptr) {
        vnode_get(v);
    }
    *out = e;
    return ERR_OK;
}

err_t name_add(const struct path *dir, const struct path_part *part, struct vnode *v,
               enum name_keep keep, struct path *out) {
    if (out == nullptr && keep != NAME_KEEP) {
        return ERR_OK;
    }
    if (keep == NAME_VERIFY && find_same(dir, part, v, out)) {
        return ERR_OK;
    }
    struct name_entry *e;
    TRY(make_entry(dir, part, v, &e));
    e->verify = keep == NAME_VERIFY;
    struct list victims = LIST_INIT(victims);
    name_cache_lock(&cache);
    get_locked(e->parent);
    e->refs = 1;
    if (keep != NAME_FORGET) {
        insert(e, dir, part, &victims);
    }
    if (out != nullptr) {
        vnode_get(v);
        *out = (struct path){v, e};
    } else {
        put_locked(e, &victims);
    }
    name_cache_unlock(&cache);
    free_victims(&victims);
    return ERR_OK;
}

void name_forget(struct vnode *dir, const char *name, size_t len, bool gone) {
    struct path_part part = {.bytes = name, .len = len};
    u32 hash = hash_name(dir, name, len);
    struct list victims = LIST_INIT(victims);
    name_cache_lock(&cache);
    struct name_entry *e;
    struct name_entry *next;
    list_for_each_safe(e, next, &cache.buckets[hash & cache.bucket_mask], hash_node) {
        if (entry_is(e, hash, dir, &part)) {
            e->deleted = gone;
            evict(
                e,
                &victims); // takes no other entry of this bucket out: parents only lose a reference
        }
    }
    name_cache_unlock(&cache);
    free_victims(&victims);
}

// The entry in use gets its new place. Aliases of either name through other parents were forgotten
// by the caller.
err_t name_move(const struct name_move *m) {
    struct name_entry fresh = {};
    TRY(copy_name(&fresh, m->to));
    name_forget(m->to_dir->vnode, m->to->bytes, m->to->len, true);
    struct name_entry *e = m->entry;
    struct list victims = LIST_INIT(victims);
    vnode_get(m->to_dir->vnode);
    name_cache_lock(&cache);
    unhash(e);
    char *old_name = e->name == e->inline_name ? nullptr : e->name;
    struct vnode *old_dir = e->dir;
    struct name_entry *old_parent = e->parent;
    memcpy(e->inline_name, fresh.inline_name, NAME_INLINE_BYTES);
    e->name = fresh.name == fresh.inline_name ? e->inline_name : fresh.name;
    e->len = fresh.len;
    e->dir = m->to_dir->vnode;
    e->parent = m->to_dir->name;
    get_locked(e->parent);
    put_locked(old_parent, &victims);
    e->deleted = false;
    rehash(e);
    name_cache_unlock(&cache);
    heap_free_raw(old_name);
    vnode_put(old_dir);
    free_victims(&victims);
    // Other ways to the old name (bind mounts) see nothing there now.
    name_forget(m->from_dir->vnode, m->from->bytes, m->from->len, true);
    return ERR_OK;
}

// Both in use: they trade places.
err_t name_exchange(struct name_entry *a, struct name_entry *b) {
    name_cache_lock(&cache);
    unhash(a);
    unhash(b);
    struct name_entry old = *a;
    a->len = b->len;
    a->parent = b->parent;
    a->dir = b->dir;
    memcpy(a->inline_name, b->inline_name, NAME_INLINE_BYTES);
    a->name = b->name == b->inline_name ? a->inline_name : b->name;
    b->len = old.len;
    b->parent = old.parent;
    b->dir = old.dir;
    memcpy(b->inline_name, old.inline_name, NAME_INLINE_BYTES);
    b->name = old.name == a->inline_name ? b->inline_name : old.name;
    rehash(a);
    rehash(b);
    name_cache_unlock(&cache);
    return ERR_OK;
}

void name_purge(void) {
    for (;;) {
        struct list victims = LIST_INIT(victims);
        name_cache_lock(&cache);
        for (u32 i = 0; i < 64 && !list_empty(&cache.lru); i++) {
            evict(list_first(&cache.lru, struct name_entry, lru_node), &victims);
        }
        name_cache_unlock(&cache);
        if (list_empty(&victims)) {
            return;
        }
        free_victims(&victims);
    }
}

u32 name_references(const struct name_entry *e) {
    GUARD(name_cache, &cache);
    return e->refs;
}

bool name_is_below(const struct name_entry *e, const struct name_entry *above) {
    GUARD(name_cache, &cache);
    for (; e != nullptr; e = e->parent) {
        if (e == above) {
            return true;
        }
    }
    return false;
}

void path_get(const struct path *p) {
    if (p->vnode != nullptr) {
        vnode_get(p->vnode);
    }
    name_get(p->name);
}

void path_put(struct path *p) {
    struct path old = *p;
    *p = (struct path){};
    name_put(old.name);
    vnode_put(old.vnode);
}

// Text is built from the end of buf towards its start.
static bool prepend(char *buf, size_t *at, const char *s, size_t len) {
    if (*at < len) {
        return false;
    }
    *at -= len;
    memcpy(buf + *at, s, len);
    return true;
}

static bool prepend_names(const struct path *p, const struct path *root, char *buf, size_t *at) {
    GUARD(name_cache, &cache);
    const struct name_entry *e = p->name;
    bool any = false;
    while (e->parent != nullptr && (root == nullptr || e != root->name)) {
        if (!prepend(buf, at, e->name, e->len) || !prepend(buf, at, "/", 1)) {
            return false;
        }
        any = true;
        e = e->parent;
    }
    if (!any && !prepend(buf, at, "/", 1)) {
        return false;
    }
    bool unreachable = root != nullptr && e != root->name;
    return !unreachable || prepend(buf, at, "(unreachable)", 13);
}

err_t vfs_path_text(const struct path *p, const struct path *root, bool mark_deleted, char *buf,
                    size_t capacity, size_t *len) {
    if (p->name == nullptr) { // pipes and other things without a name
        if (p->vnode == nullptr || capacity < 32) {
            return ERR_NOENT;
        }
        *len = text_format(buf, capacity, "%s:[%lu]",
                           p->vnode->type == VNODE_FIFO ? "pipe" : "anon_inode", p->vnode->ino);
        return ERR_OK;
    }
    if (capacity < 2) {
        return ERR_RANGE;
    }
    size_t at = capacity - 1;
    buf[at] = 0;
    name_cache_lock(&cache);
    bool deleted = p->name->deleted;
    name_cache_unlock(&cache);
    if (deleted && !mark_deleted) {
        return ERR_NOENT; // getcwd of a removed directory
    }
    if ((deleted && !prepend(buf, &at, " (deleted)", 10)) || !prepend_names(p, root, buf, &at)) {
        return ERR_RANGE;
    }
    *len = capacity - 1 - at;
    memmove(buf, buf + at, *len + 1);
    return ERR_OK;
}
