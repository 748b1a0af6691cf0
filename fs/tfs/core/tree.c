// SPDX-License-Identifier: MIT
// The B+tree. Leaves hold items (a sorted array of heads growing up, values growing down from the
// end); inner nodes hold pointers. A change descends once from the root, copies each node on the
// way (tfs_node_cow: at most once per txg) and splits an inner node that is nearly full before it
// goes below it; so a leaf that splits always finds room for its new neighbours above. Removal
// merges a node that became small with a neighbour.
//
// Invariants: no empty node, but for the tree without a root; keys strictly ascending; a pointer's
// key is not above the first key of its child and above all keys of the child before.
#include "core_impl.h"

constexpr u32 SPLIT_ROOM = 3; // pointers one leaf insertion may add to its parent
constexpr struct key KEY_LOWEST = {};

struct path {
    struct cnode *node[TFS_LEVEL_MAX + 2]; // by depth, root first
    u32 idx[TFS_LEVEL_MAX + 2];            // pointer taken
    u32 depth;                             // nodes
};

// ---- searching inside a node
static u32 leaf_lower(const u8 *buf, const struct key *key) { // first item >= key
    const struct tfs_item *items = node_citems(buf);
    u32 lo = 0, hi = node_count(buf);
    while (lo < hi) {
        u32 mid = (lo + hi) / 2;
        struct key k = item_key(&items[mid]);
        if (key_compare(&k, key) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static u32 inner_child(const u8 *buf, const struct key *key) { // last pointer <= key, or 0
    const struct tfs_ptr *ptrs = node_cptrs(buf);
    u32 lo = 0, hi = node_count(buf);
    while (lo < hi) {
        u32 mid = (lo + hi) / 2;
        struct key k = ptr_key(&ptrs[mid]);
        if (key_compare(&k, key) <= 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo == 0 ? 0 : lo - 1;
}

static struct node_want want_root(const struct btree *t) {
    return (struct node_want){.bp = t->root};
}

static void want_child(struct node_want *w, const u8 *parent, u32 idx) {
    const struct tfs_ptr *p = &node_cptrs(parent)[idx];
    w->bp = bp_get(&p->bp);
    w->lo = ptr_key(p);
    if (idx + 1 < node_count(parent)) {
        w->hi = ptr_key(p + 1);
        w->has_hi = true;
    }
}

// ---- cursors
static err_t descend(struct btree *t, const struct key *key, struct cursor *c, struct key *lo) {
    struct node_want want = want_root(t);
    struct cnode *n;
    TRY(tfs_node_get(t, &want, &n));
    while (n->level > 0) {
        want_child(&want, n->buf, inner_child(n->buf, key));
        tfs_node_put(t->fs, n);
        TRY(tfs_node_get(t, &want, &n));
    }
    c->leaf = n;
    c->has_hi = want.has_hi;
    c->hi = want.hi;
    *lo = want.lo;
    return ERR_OK;
}

void tfs_bt_close(struct cursor *c) {
    if (c->leaf != nullptr) {
        tfs_node_put(c->tree->fs, c->leaf);
        c->leaf = nullptr;
    }
}

err_t tfs_bt_seek(struct btree *t, const struct key *key, struct cursor *c) {
    struct key lo, from = *key;
    *c = (struct cursor){.tree = t};
    if (t->root.paddr[0] == 0) {
        return ERR_OK;
    }
    TRY(descend(t, &from, c, &lo));
    c->idx = leaf_lower(c->leaf->buf, &from);
    while (c->idx == node_count(c->leaf->buf)) {
        tfs_bt_close(c);
        if (!c->has_hi) {
            return ERR_OK;
        }
        from = c->hi;
        TRY(descend(t, &from, c, &lo));
        c->idx = leaf_lower(c->leaf->buf, &from);
    }
    return ERR_OK;
}

err_t tfs_bt_next(struct cursor *c) {
    c->idx++;
    if (c->idx < node_count(c->leaf->buf)) {
        return ERR_OK;
    }
    struct key hi = c->hi;
    bool more = c->has_hi;
    struct btree *t = c->tree;
    tfs_bt_close(c);
    return more ? tfs_bt_seek(t, &hi, c) : ERR_OK;
}

static bool key_before(struct key *k) { // the greatest key below k
    if (k->death-- != 0) {
        return true;
    }
    if (k->off-- != 0) {
        return true;
    }
    if (k->type-- != 0) {
        return true;
    }
    return k->obj-- != 0;
}

err_t tfs_bt_floor(struct btree *t, const struct key *key, struct cursor *c) {
    struct key lo, from = *key;
    *c = (struct cursor){.tree = t};
    if (t->root.paddr[0] == 0) {
        return ERR_OK;
    }
    for (;;) {
        TRY(descend(t, &from, c, &lo));
        u32 idx = leaf_lower(c->leaf->buf, &from);
        if (idx < node_count(c->leaf->buf)) {
            struct key k = item_key(&node_citems(c->leaf->buf)[idx]);
            if (key_compare(&k, &from) == 0) {
                c->idx = idx;
                return ERR_OK;
            }
        }
        if (idx > 0) {
            c->idx = idx - 1;
            return ERR_OK;
        }
        tfs_bt_close(c);
        // All of this leaf is above the key: the answer is in the leaf before, below the pointer's
        // key.
        if (key_compare(&lo, &from) > 0 || key_compare(&lo, &KEY_LOWEST) == 0) {
            return ERR_OK;
        }
        from = lo;
        if (!key_before(&from)) {
            return ERR_OK;
        }
    }
}

struct record tfs_bt_record(const struct cursor *c) {
    const struct tfs_item *i = &node_citems(c->leaf->buf)[c->idx];
    return (struct record){item_key(i), le64_get(i->birth), c->leaf->buf + le16_get(i->value_off),
                           le16_get(i->value_len)};
}

struct key tfs_bt_key(const struct cursor *c) {
    return item_key(&node_citems(c->leaf->buf)[c->idx]);
}

// ---- leaves
static u32 leaf_used(const u8 *buf) { // bytes of items and values
    return (u32)(node_count(buf) * sizeof(struct tfs_item)) + le16_get(node_chead(buf)->heap_used);
}

static bool leaf_fits(const u8 *buf, u32 value_len) {
    return leaf_used(buf) + sizeof(struct tfs_item) + value_len <= TFS_NODE_SPACE;
}

static void leaf_compact(struct tfs *fs, u8 *buf) {
    struct tfs_node *h = node_head(buf);
    struct tfs_item *items = node_items(buf);
    u32 heap = TFS_BLOCK_SIZE;
    for (u32 i = 0; i < node_count(buf); i++) {
        u32 len = le16_get(items[i].value_len);
        heap -= len;
        memcpy(fs->scratch + heap, buf + le16_get(items[i].value_off), len);
        items[i].value_off = le16_of((u16)heap);
    }
    memcpy(buf + heap, fs->scratch + heap, TFS_BLOCK_SIZE - heap);
    h->heap = le16_of((u16)heap);
}

static void leaf_insert(struct tfs *fs, u8 *buf, u32 idx, const struct record *r) { // it fits
    struct tfs_node *h = node_head(buf);
    struct tfs_item *items = node_items(buf);
    u32 count = node_count(buf);
    u32 end = (u32)(sizeof(*h) + (count + 1) * sizeof(*items));
    if (le16_get(h->heap) < end + r->len) {
        leaf_compact(fs, buf);
    }
    u32 off = le16_get(h->heap) - r->len;
    memmove(&items[idx + 1], &items[idx], (count - idx) * sizeof(*items));
    items[idx] = (struct tfs_item){.obj = le64_of(r->key.obj),
                                   .off = le64_of(r->key.off),
                                   .death = le64_of(r->key.death),
                                   .birth = le64_of(r->birth),
                                   .type = r->key.type,
                                   .value_off = le16_of((u16)off),
                                   .value_len = le16_of((u16)r->len)};
    if (r->len > 0) {
        memcpy(buf + off, r->value, r->len);
    }
    h->heap = le16_of((u16)off);
    h->heap_used = le16_of((u16)(le16_get(h->heap_used) + r->len));
    h->count = le16_of((u16)(count + 1));
}

bool tfs_leaf_append(u8 *buf, const struct record *r) {
    if (!leaf_fits(buf, r->len)) {
        return false;
    }
    leaf_insert(nullptr, buf, node_count(buf), r); // a leaf only appended to needs no compaction
    return true;
}

static void leaf_remove(u8 *buf, u32 idx) {
    struct tfs_node *h = node_head(buf);
    struct tfs_item *items = node_items(buf);
    u32 count = node_count(buf);
    u32 len = le16_get(items[idx].value_len);
    memmove(&items[idx], &items[idx + 1], (count - idx - 1) * sizeof(*items));
    h->heap_used = le16_of((u16)(le16_get(h->heap_used) - len));
    h->count = le16_of((u16)(count - 1));
    if (count == 1) {
        h->heap = le16_of(TFS_BLOCK_SIZE);
    }
}

static struct record leaf_record(const u8 *buf, u32 idx) {
    const struct tfs_item *i = &node_citems(buf)[idx];
    return (struct record){item_key(i), le64_get(i->birth), buf + le16_get(i->value_off),
                           le16_get(i->value_len)};
}

static void leaf_move(struct tfs *fs, u8 *from, u32 first,
                      u8 *to) { // items [first, …) to the end of `to`
    u32 count = node_count(from);
    for (u32 i = first; i < count; i++) {
        struct record r = leaf_record(from, i);
        leaf_insert(fs, to, node_count(to), &r);
    }
    while (node_count(from) > first) {
        leaf_remove(from, node_count(from) - 1);
    }
}

// ---- pointers
static void ptr_set(struct tfs_ptr *p, const struct key *key, const struct cnode *child) {
    struct bp bp = {{child->paddr[0], child->paddr[1]}, child->birth, child->crc, child->level};
    *p = (struct tfs_ptr){.obj = le64_of(key->obj),
                          .off = le64_of(key->off),
                          .death = le64_of(key->death),
                          .type = key->type,
                          .bp = tfs_bp_of(&bp)};
}

static void ptr_insert(u8 *buf, u32 idx, const struct key *key, const struct cnode *child) {
    struct tfs_ptr *ptrs = node_ptrs(buf);
    u32 count = node_count(buf);
    memmove(&ptrs[idx + 1], &ptrs[idx], (count - idx) * sizeof(*ptrs));
    ptr_set(&ptrs[idx], key, child);
    node_head(buf)->count = le16_of((u16)(count + 1));
}

static void ptr_remove(u8 *buf, u32 idx) {
    struct tfs_ptr *ptrs = node_ptrs(buf);
    u32 count = node_count(buf);
    memmove(&ptrs[idx], &ptrs[idx + 1], (count - idx - 1) * sizeof(*ptrs));
    node_head(buf)->count = le16_of((u16)(count - 1));
}

static void root_set(struct btree *t, const struct cnode *n) {
    t->root = (struct bp){{n->paddr[0], n->paddr[1]}, n->birth, n->crc, n->level};
}

static struct key node_first_key(const u8 *buf) {
    return node_chead(buf)->level == 0 ? item_key(&node_citems(buf)[0])
                                       : ptr_key(&node_cptrs(buf)[0]);
}

// ---- descending to change
static void path_put(struct btree *t, struct path *p) {
    for (u32 i = 0; i < p->depth; i++) {
        tfs_node_put(t->fs, p->node[i]);
    }
    p->depth = 0;
}

static err_t path_push(struct btree *t, struct path *p, const struct node_want *want) {
    struct cnode *n;
    TRY(tfs_node_get(t, want, &n));
    p->node[p->depth++] = n;
    TRY(tfs_node_cow(t, n));
    if (p->depth == 1) {
        root_set(t, n);
    } else {
        struct tfs_ptr *ptr = &node_ptrs(p->node[p->depth - 2]->buf)[p->idx[p->depth - 2]];
        struct key k = ptr_key(ptr);
        ptr_set(ptr, &k, n);
    }
    return ERR_OK;
}

static err_t root_grow(struct btree *t, struct path *p) { // puts a node above the root
    struct cnode *root = p->node[0], *top;
    if (root->level >= TFS_LEVEL_MAX) {
        return ERR_FBIG;
    }
    TRY(tfs_node_new(t, (u8)(root->level + 1), &top));
    ptr_insert(top->buf, 0, &KEY_LOWEST, root); // the key on its way in may be below all others
    p->node[1] = root;
    p->node[0] = top;
    p->idx[0] = 0;
    p->depth = 2;
    root_set(t, top);
    return ERR_OK;
}

// Splits the full inner node at the end of the path and stays in the half that has the key.
static err_t inner_split(struct btree *t, struct path *p, const struct key *key) {
    if (p->depth == 1) {
        TRY(root_grow(t, p));
    }
    struct cnode *left = p->node[p->depth - 1], *parent = p->node[p->depth - 2], *right;
    TRY(tfs_node_new(t, left->level, &right));
    u32 count = node_count(left->buf), half = count / 2;
    memcpy(node_ptrs(right->buf), &node_ptrs(left->buf)[half],
           (count - half) * sizeof(struct tfs_ptr));
    node_head(right->buf)->count = le16_of((u16)(count - half));
    node_head(left->buf)->count = le16_of((u16)half);
    struct key first = node_first_key(right->buf);
    u32 idx = p->idx[p->depth - 2];
    ptr_insert(parent->buf, idx + 1, &first, right);
    if (key_compare(key, &first) >= 0) {
        p->idx[p->depth - 2] = idx + 1;
        p->node[p->depth - 1] = right;
        tfs_node_put(t->fs, left);
    } else {
        tfs_node_put(t->fs, right);
    }
    return ERR_OK;
}

static err_t path_descend(struct btree *t, const struct key *key, bool insert, struct path *p) {
    struct node_want want = want_root(t);
    TRY(path_push(t, p, &want));
    for (;;) {
        struct cnode *n = p->node[p->depth - 1];
        if (n->level == 0) {
            return ERR_OK;
        }
        if (insert && node_count(n->buf) > TFS_PTRS_MAX - SPLIT_ROOM) {
            TRY(inner_split(t, p, key));
            n = p->node[p->depth - 1];
        }
        u32 idx = inner_child(n->buf, key);
        p->idx[p->depth - 1] = idx;
        want_child(&want, n->buf, idx);
        if (insert &&
            key_compare(key, &want.lo) < 0) { // becomes the lowest of all: lower the pointer
            struct tfs_ptr *ptr = &node_ptrs(n->buf)[idx];
            ptr->obj = le64_of(key->obj);
            ptr->off = le64_of(key->off);
            ptr->death = le64_of(key->death);
            ptr->type = key->type;
            want.lo = *key;
        }
        TRY(path_push(t, p, &want));
    }
}

// ---- inserting
// Adds `n` (pinned) behind the leaf at the path's end and unpins it.
static void leaf_link(struct btree *t, struct path *p, struct cnode *n, u32 behind) {
    struct cnode *parent = p->node[p->depth - 2];
    struct key first = item_key(&node_citems(n->buf)[0]);
    ptr_insert(parent->buf, p->idx[p->depth - 2] + behind, &first, n);
    tfs_node_put(t->fs, n);
}

// Adds `n` before it: n takes over the pointer's key, the path's leaf gets one that is its own
// first key.
static void leaf_link_before(struct btree *t, struct path *p, struct cnode *n) {
    struct cnode *parent = p->node[p->depth - 2], *leaf = p->node[p->depth - 1];
    u32 idx = p->idx[p->depth - 2];
    struct key low = ptr_key(&node_ptrs(parent->buf)[idx]);
    struct key first = item_key(&node_citems(leaf->buf)[0]);
    ptr_insert(parent->buf, idx, &low, n);
    ptr_set(&node_ptrs(parent->buf)[idx + 1], &first, leaf);
    tfs_node_put(t->fs, n);
}

static u32 leaf_half(const u8 *buf) { // the item where the first half of the bytes ends; 1..count-1
    u32 count = node_count(buf), sum = 0, half = leaf_used(buf) / 2, i = 0;
    for (; i < count; i++) {
        sum += (u32)sizeof(struct tfs_item) + le16_get(node_citems(buf)[i].value_len);
        if (sum >= half) {
            break;
        }
    }
    return MIN(MAX(i + 1, 1u), count - 1);
}

// The leaf at the path's end has no room for r at idx: makes one to three leaves of it.
static err_t leaf_split_insert(struct btree *t, struct path *p, u32 idx, const struct record *r) {
    struct tfs *fs = t->fs;
    if (p->depth == 1) {
        TRY(root_grow(t, p));
    }
    struct cnode *left = p->node[p->depth - 1], *right, *alone;
    u32 count = node_count(left->buf);
    TRY(tfs_node_new(t, 0, &right));
    if (idx == count) { // appending: leave the left one full
        leaf_insert(fs, right->buf, 0, r);
        leaf_link(t, p, right, 1);
        return ERR_OK;
    }
    u32 at = leaf_half(left->buf);
    leaf_move(fs, left->buf, at, right->buf);
    bool done = true;
    if (idx <= at && leaf_fits(left->buf, r->len)) {
        leaf_insert(fs, left->buf, idx, r);
    } else if (idx >= at && leaf_fits(right->buf, r->len)) {
        leaf_insert(fs, right->buf, idx - at, r);
    } else {
        done = false;
    }
    if (done) {
        leaf_link(t, p, right, 1);
        return ERR_OK;
    }
    // A big record between big records: it gets a leaf of its own, and what is behind it another
    // one.
    struct cnode *from = idx < at ? left : right, *tail = nullptr;
    u32 local = idx < at ? idx : idx - at;
    TRY(tfs_node_new(t, 0, &alone));
    leaf_insert(fs, alone->buf, 0, r);
    if (local > 0 && local < node_count(from->buf)) {
        TRY(tfs_node_new(t, 0, &tail));
        leaf_move(fs, from->buf, local, tail->buf);
    }
    bool in_left = from == left, before = local == 0;
    leaf_link(t, p, right, 1);
    u32 behind = (in_left ? 1 : 2) - (before ? 1 : 0); // leaves between the path's and the record's
    if (behind == 0) {
        leaf_link_before(t, p, alone);
        return ERR_OK;
    }
    leaf_link(t, p, alone, behind);
    if (tail != nullptr) {
        leaf_link(t, p, tail, behind + 1);
    }
    return ERR_OK;
}

static err_t put_first(struct btree *t, const struct record *r) {
    struct cnode *n;
    TRY(tfs_node_new(t, 0, &n));
    leaf_insert(t->fs, n->buf, 0, r);
    root_set(t, n);
    tfs_node_put(t->fs, n);
    return ERR_OK;
}

static err_t put_in_leaf(struct btree *t, struct path *p, const struct record *r) {
    u8 *buf = p->node[p->depth - 1]->buf;
    u32 idx = leaf_lower(buf, &r->key);
    if (idx < node_count(buf)) {
        struct tfs_item *item = &node_items(buf)[idx];
        struct key k = item_key(item);
        if (key_compare(&k, &r->key) == 0) {
            if (le16_get(item->value_len) == r->len) {
                memcpy(buf + le16_get(item->value_off), r->value, r->len);
                item->birth = le64_of(r->birth);
                return ERR_OK;
            }
            leaf_remove(buf, idx);
            if (node_count(buf) == 0) {
                leaf_insert(t->fs, buf, 0, r);
                return ERR_OK;
            }
        }
    }
    if (leaf_fits(buf, r->len)) {
        leaf_insert(t->fs, buf, idx, r);
        return ERR_OK;
    }
    return leaf_split_insert(t, p, idx, r);
}

err_t tfs_bt_put(struct btree *t, const struct record *r) {
    if (r->len > TFS_VALUE_MAX) {
        return ERR_INVAL;
    }
    if (t->root.paddr[0] == 0) {
        return put_first(t, r);
    }
    struct path p = {};
    err_t err = path_descend(t, &r->key, true, &p);
    if (err == ERR_OK) {
        err = put_in_leaf(t, &p, r);
    }
    path_put(t, &p);
    return err;
}

// ---- removing
static bool node_small(const struct cnode *n) {
    return n->level == 0 ? leaf_used(n->buf) < TFS_NODE_SPACE / 4
                         : node_count(n->buf) < TFS_PTRS_MAX / 4;
}

static bool nodes_merge(struct cnode *a, struct cnode *b) { // would both fit in one, with some air?
    return a->level == 0 ? leaf_used(a->buf) + leaf_used(b->buf) <= TFS_NODE_SPACE * 3 / 4
                         : node_count(a->buf) + node_count(b->buf) <= TFS_PTRS_MAX * 3 / 4;
}

// Takes pointer idx of `parent` out; its node (pinned) is freed.
static void child_drop(struct btree *t, struct cnode *parent, u32 idx, struct cnode *child) {
    ptr_remove(parent->buf, idx);
    tfs_node_free(t, child);
}

// The small node at depth d takes in its right neighbour, or is taken in by its left one.
static err_t merge_with_neighbour(struct btree *t, struct path *p, u32 d) {
    struct cnode *parent = p->node[d - 1], *n = p->node[d], *other;
    u32 idx = p->idx[d - 1], count = node_count(parent->buf);
    if (count < 2) {
        return ERR_OK;
    }
    bool with_right = idx + 1 < count;
    u32 other_idx = with_right ? idx + 1 : idx - 1;
    struct node_want want = {};
    want_child(&want, parent->buf, other_idx);
    TRY(tfs_node_get(t, &want, &other));
    struct cnode *left = with_right ? n : other, *right = with_right ? other : n;
    if (!nodes_merge(left, right)) {
        tfs_node_put(t->fs, other);
        return ERR_OK;
    }
    err_t err = tfs_node_cow(t, left);
    if (err != ERR_OK) {
        tfs_node_put(t->fs, other);
        return err;
    }
    u32 left_idx = with_right ? idx : other_idx;
    struct tfs_ptr *ptr = &node_ptrs(parent->buf)[left_idx];
    struct key k = ptr_key(ptr);
    ptr_set(ptr, &k, left);
    if (left->level == 0) {
        leaf_move(t->fs, right->buf, 0, left->buf);
    } else {
        u32 a = node_count(left->buf), b = node_count(right->buf);
        memcpy(&node_ptrs(left->buf)[a], node_ptrs(right->buf), b * sizeof(struct tfs_ptr));
        node_head(left->buf)->count = le16_of((u16)(a + b));
    }
    p->node[d] = left; // pinned; the right one is gone
    child_drop(t, parent, left_idx + 1, right);
    return ERR_OK;
}

static err_t path_shrink(struct btree *t, struct path *p) {
    for (u32 d = p->depth - 1; d > 0; d--) {
        struct cnode *n = p->node[d];
        if (node_count(n->buf) == 0) {
            child_drop(t, p->node[d - 1], p->idx[d - 1], n);
            p->depth = d;
        } else if (node_small(n)) {
            TRY(merge_with_neighbour(t, p, d));
        }
    }
    struct cnode *root = p->node[0];
    if (node_count(root->buf) == 0) {
        tfs_node_free(t, root);
        p->depth = 0;
        t->root = (struct bp){};
        return ERR_OK;
    }
    path_put(t, p);
    while (t->root.level > 0) { // a root with one child is of no use
        struct node_want want = want_root(t);
        TRY(tfs_node_get(t, &want, &root));
        if (node_count(root->buf) > 1) {
            tfs_node_put(t->fs, root);
            break;
        }
        t->root = bp_get(&node_cptrs(root->buf)[0].bp);
        tfs_node_free(t, root);
    }
    return ERR_OK;
}

err_t tfs_bt_del(struct btree *t, const struct key *key) {
    if (t->root.paddr[0] == 0) {
        return ERR_NOENT;
    }
    struct path p = {};
    err_t err = path_descend(t, key, false, &p);
    if (err == ERR_OK) {
        u8 *buf = p.node[p.depth - 1]->buf;
        u32 idx = leaf_lower(buf, key);
        struct key k = {};
        if (idx < node_count(buf)) {
            k = item_key(&node_citems(buf)[idx]);
        }
        if (idx < node_count(buf) && key_compare(&k, key) == 0) {
            leaf_remove(buf, idx);
            err = path_shrink(t, &p);
        } else {
            err = ERR_NOENT;
        }
    }
    path_put(t, &p);
    return err;
}

// ---- the whole tree
static err_t free_node(struct btree *t, const struct node_want *want) {
    struct cnode *n;
    TRY(tfs_node_get(t, want, &n));
    tfs_node_free(t, n);
    return ERR_OK;
}

err_t tfs_bt_free_all(struct btree *t) {
    // Depth first, bounded by the level: idx[d] is the child to visit next.
    if (t->root.paddr[0] == 0) {
        return ERR_OK;
    }
    struct node_want *want = t->fs->walk;
    u32 idx[TFS_LEVEL_MAX + 1] = {};
    u32 d = 0;
    want[0] = want_root(t);
    for (;;) {
        struct cnode *n;
        TRY(tfs_node_get(t, &want[d], &n));
        if (n->level > 0 && idx[d] < node_count(n->buf) && d < TFS_LEVEL_MAX) {
            want[d + 1] = want[d];
            want_child(&want[d + 1], n->buf, idx[d]++);
            tfs_node_put(t->fs, n);
            idx[++d] = 0;
            continue;
        }
        tfs_node_put(t->fs, n);
        TRY(free_node(t, &want[d]));
        if (d == 0) {
            break;
        }
        d--;
    }
    t->root = (struct bp){};
    t->nodes = 0;
    return ERR_OK;
}
