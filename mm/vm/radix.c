// SPDX-License-Identifier: MIT
// The pages of an object: a radix tree of 64-way nodes over the page index. A node knows which
// slots are used and which lead to a dirty page, so that both walks skip what does not concern
// them. Nodes without a used slot are freed; the root grows as needed.
#include "vm_impl.h"

constexpr u32 FAN_BITS = 6;
constexpr u32 FAN = 1 << FAN_BITS;
constexpr u32 DEPTH_MAX = 11; // 64 bits of index

struct radix_node {
    u64 used, dirty; // bit per slot
    u32 shift;       // 0: slots are pages
    void *slot[FAN];
};

static inline u32 slot_of(const struct radix_node *n, u64 index) {
    return (index >> n->shift) & (FAN - 1);
}
static inline bool covers(const struct radix_node *n, u64 index) {
    return n->shift + FAN_BITS >= 64 || index >> (n->shift + FAN_BITS) == 0;
}

struct page *radix_find(struct vm_object *o, u64 index) {
    struct radix_node *n = o->pages_root;
    if (n == nullptr || !covers(n, index)) {
        return nullptr;
    }
    while (n->shift != 0) {
        n = n->slot[slot_of(n, index)];
        if (n == nullptr) {
            return nullptr;
        }
    }
    return n->slot[index & (FAN - 1)];
}

void radix_run(struct vm_object *o, u64 index, u32 count, struct page **out) {
    struct radix_node *n = o->pages_root;
    if (n != nullptr && !covers(n, index)) {
        n = nullptr;
    }
    while (n != nullptr && n->shift != 0) {
        n = n->slot[slot_of(n, index)];
    }
    for (u32 i = 0; i < count; i++) {
        out[i] = n != nullptr ? n->slot[(index + i) & (FAN - 1)] : nullptr;
    }
}

static err_t node_create(u32 shift, struct radix_node **out) {
    TRY(heap_new(out));
    (*out)->shift = shift;
    return ERR_OK;
}

static err_t grow_to(struct vm_object *o, u64 index) REQUIRES(lc_vm_object) {
    struct radix_node *root = o->pages_root;
    if (root == nullptr) {
        u32 shift = 0;
        while (shift + FAN_BITS < 64 && index >> (shift + FAN_BITS) != 0) {
            shift += FAN_BITS;
        }
        TRY(node_create(shift, &root));
        o->pages_root = root;
    }
    while (!covers(root, index)) {
        struct radix_node *above;
        TRY(node_create(root->shift + FAN_BITS, &above));
        above->used = 1;
        above->dirty = root->dirty != 0 ? 1 : 0;
        above->slot[0] = root;
        o->pages_root = root = above;
    }
    return ERR_OK;
}

// The way from the root to the leaf of index; returns its length, 0 if it is not complete.
static u32 path_to(struct vm_object *o, u64 index, struct radix_node **path)
    REQUIRES(lc_vm_object) {
    struct radix_node *n = o->pages_root;
    if (n == nullptr || !covers(n, index)) {
        return 0;
    }
    u32 depth = 0;
    for (;;) {
        path[depth++] = n;
        if (n->shift == 0) {
            return depth;
        }
        n = n->slot[slot_of(n, index)];
        if (n == nullptr) {
            return 0;
        }
    }
}

// Frees empty nodes on the way to index, bottom up.
static void prune(struct vm_object *o, u64 index) REQUIRES(lc_vm_object) {
    struct radix_node *path[DEPTH_MAX];
    u32 depth = 0;
    struct radix_node *n = o->pages_root;
    while (n != nullptr) {
        path[depth++] = n;
        n = n->shift == 0 ? nullptr : n->slot[slot_of(n, index)];
    }
    while (depth > 0 && path[depth - 1]->used == 0) {
        heap_free_raw(path[--depth]);
        if (depth == 0) {
            o->pages_root = nullptr;
            return;
        }
        struct radix_node *up = path[depth - 1];
        u64 bit = (u64)1 << slot_of(up, index);
        up->slot[slot_of(up, index)] = nullptr;
        up->used &= ~bit;
        up->dirty &= ~bit;
    }
}

err_t radix_insert(struct vm_object *o, u64 index, struct page *p) {
    TRY(grow_to(o, index));
    struct radix_node *n = o->pages_root;
    while (n->shift != 0) {
        u32 i = slot_of(n, index);
        if (n->slot[i] == nullptr) {
            struct radix_node *below;
            err_t err = node_create(n->shift - FAN_BITS, &below);
            if (err != ERR_OK) {
                prune(o, index);
                return err;
            }
            n->slot[i] = below;
            n->used |= (u64)1 << i;
        }
        n = n->slot[i];
    }
    u32 i = index & (FAN - 1);
    assert(n->slot[i] == nullptr);
    n->slot[i] = p;
    n->used |= (u64)1 << i;
    o->page_count++;
    return ERR_OK;
}

void radix_set_dirty(struct vm_object *o, u64 index) {
    struct radix_node *path[DEPTH_MAX];
    u32 depth = path_to(o, index, path);
    assert(depth != 0);
    if ((path[depth - 1]->dirty >> (index & (FAN - 1)) & 1) == 0) {
        o->dirty_count++;
    }
    for (u32 i = 0; i < depth; i++) {
        path[i]->dirty |= (u64)1 << slot_of(path[i], index);
    }
}

void radix_clear_dirty(struct vm_object *o, u64 index) {
    struct radix_node *path[DEPTH_MAX];
    u32 depth = path_to(o, index, path);
    assert(depth != 0);
    if ((path[depth - 1]->dirty >> (index & (FAN - 1)) & 1) == 0) {
        return;
    }
    o->dirty_count--;
    while (depth > 0) {
        struct radix_node *n = path[--depth];
        n->dirty &= ~((u64)1 << slot_of(n, index));
        if (n->dirty != 0) {
            break;
        }
    }
}

void radix_remove(struct vm_object *o, u64 index) {
    radix_clear_dirty(o, index);
    struct radix_node *n = o->pages_root;
    while (n->shift != 0) {
        n = n->slot[slot_of(n, index)];
    }
    u32 i = index & (FAN - 1);
    assert(n->slot[i] != nullptr);
    n->slot[i] = nullptr;
    n->used &= ~((u64)1 << i);
    o->page_count--;
    if (n->used == 0) {
        prune(o, index);
    }
}

struct page *radix_next(struct vm_object *o, u64 *index, u64 last, bool dirty_only) {
    u64 at = *index;
    while (at <= last) {
        struct radix_node *n = o->pages_root;
        if (n == nullptr || !covers(n, at)) {
            return nullptr;
        }
        for (;;) {
            u32 i = slot_of(n, at);
            u64 left = (dirty_only ? n->dirty : n->used) >> i << i;
            u64 found = left != 0 ? (u64)__builtin_ctzll(left) : FAN;
            if (found != i) { // skip what is empty: the start of another slot, or of the next node
                u64 span_bits = n->shift + FAN_BITS;
                u64 base = span_bits >= 64 ? 0 : at >> span_bits << span_bits;
                at = base + (found << n->shift);
                if (found == FAN) {
                    if (at == 0) {
                        return nullptr; // wrapped
                    }
                    break; // again from the root
                }
            }
            if (n->shift == 0) {
                if (at > last) {
                    return nullptr;
                }
                *index = at;
                return n->slot[found];
            }
            n = n->slot[found];
        }
    }
    return nullptr;
}
