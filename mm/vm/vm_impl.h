// SPDX-License-Identifier: MIT
// Shared inside mm/vm only.
#pragma once
#include <arch/x86_64/mmu.h>
#include <arch/x86_64/trap.h>
#include <kernel/base/panic.h>
#include <mm/heap/heap.h>
#include <mm/vm/object.h>
#include <mm/vm/space.h>

// ---- radix.c: the pages of an object by index, with a dirty mark each
struct page *radix_find(struct vm_object *o, u64 index) REQUIRES(lc_vm_object);
err_t radix_insert(struct vm_object *o, u64 index, struct page *p)
    REQUIRES(lc_vm_object); // ERR_NOMEM
void radix_remove(struct vm_object *o, u64 index) REQUIRES(lc_vm_object);
void radix_set_dirty(struct vm_object *o, u64 index) REQUIRES(lc_vm_object);
void radix_clear_dirty(struct vm_object *o, u64 index) REQUIRES(lc_vm_object);
// The first page with an index in [*index, last]; moves *index there. Null: none.
struct page *radix_next(struct vm_object *o, u64 *index, u64 last, bool dirty_only)
    REQUIRES(lc_vm_object);
// The pages at index ... index + count - 1, null where absent. count <= 64, index a multiple of
// count's power of two.
void radix_run(struct vm_object *o, u64 index, u32 count, struct page **out) REQUIRES(lc_vm_object);

// ---- object.c
static inline bool
object_has_backing(const struct vm_object *o) { // dirty pages have somewhere to go
    return o->ops != nullptr && o->ops->write_back != nullptr;
}
err_t object_page_locked(struct vm_object *o, u64 index, struct page **out)
    REQUIRES(lc_vm_object); // borrowed
void object_set_dirty_locked(struct vm_object *o, struct page *p) REQUIRES(lc_vm_object);
void object_free_pages(struct vm_object *o, u64 first, u64 last) REQUIRES(lc_vm_object);
void object_destroy(struct vm_object *o);

// ---- reclaim.c
void lru_add(struct page *p);
void lru_remove(struct page *p);
static inline void lru_touch(struct page *p) {
    __atomic_store_n(&p->map_count_hint, 1, __ATOMIC_RELAXED);
}
void reclaim_init(void);
extern _Atomic u64 cached_pages;

// ---- entries.c: pages taken out of page tables are put after the flush, in batches
constexpr u32 GATHER_PAGES = 56;
struct gather {
    struct vm_space *space;
    u64 first_va, end_va; // what a flush must cover
    bool flush;           // some entry may be in a TLB
    bool no_flush;        // nobody uses the space any more
    u32 count;
    u64 dropped; // resident pages
    struct page *pages[GATHER_PAGES];
};
void gather_init(struct gather *g, struct vm_space *s);
void gather_flush(struct gather *g); // flush and put now
void gather_finish(struct gather *g);
void entries_unmap(struct gather *g, u64 start, u64 end);
// Unmaps pages of o only (or any page) in the range. The object lock is held.
void entries_unmap_object(struct gather *g, u64 start, u64 end, const struct vm_object *o,
                          bool any_page);
void entries_protect(struct vm_space *s, const struct vm_mapping *m, u64 start, u64 end);
bool entries_write_protect(struct vm_space *s, u64 start, u64 end,
                           const struct vm_object *o); // true: flush needed
err_t entries_copy(struct vm_space *from, struct vm_space *to, const struct vm_mapping *m,
                   bool *flush);
err_t entries_move(struct vm_space *s, u64 from, u64 to, u64 bytes);
u32 prot_to_mmu(u32 prot);

// ---- rmap (write_back.c): all mappings of the object's pages [first, last]
void object_unmap_everywhere(struct vm_object *o, u64 first, u64 last, bool private_copies)
    REQUIRES(lc_vm_object);

// ---- space.c
constexpr u64 STACK_GUARD_BYTES = MIB(1); // kept free below a growing stack
constexpr u64 LOWEST_USER_VA = KIB(64);
static inline struct vm_mapping *mapping_of(struct tree_node *n) {
    return n == nullptr ? nullptr : container_of(n, struct vm_mapping, node);
}
static inline struct vm_mapping *mapping_next(const struct vm_mapping *m) {
    return mapping_of(tree_next(&m->node));
}
static inline struct vm_mapping *mapping_prev(const struct vm_mapping *m) {
    return mapping_of(tree_prev(&m->node));
}
// The lowest mapping that ends after va; null: none. It contains va if its start is not above.
struct vm_mapping *space_find(struct vm_space *s, u64 va) REQUIRES(lc_vm_space);
void space_link(struct vm_space *s, struct vm_mapping *m) REQUIRES(lc_vm_space);
void space_unlink(struct vm_space *s, struct vm_mapping *m) REQUIRES(lc_vm_space);
void mapping_attach(struct vm_mapping *m); // to its object's list
void mapping_detach(struct vm_mapping *m);
err_t mapping_clone(const struct vm_mapping *m,
                    struct vm_mapping **out); // with references, in no list
// Frees removed mappings (linked by object_node). No space lock may be held: files and objects may
// go.
void mappings_release(struct list *dead);
// Cuts m at va (inside it): m keeps the front. ERR_NOMEM.
err_t mapping_split(struct vm_space *s, struct vm_mapping *m, u64 va, struct vm_mapping **back)
    REQUIRES(lc_vm_space);
void mapping_set_range(struct vm_mapping *m, u64 start,
                       u64 end); // keeps address and object in step
bool mapping_may_join(const struct vm_mapping *low,
                      const struct vm_mapping *high); // but for being adjacent
void mapping_join_neighbours(struct vm_space *s, struct vm_mapping *m, struct list *dead)
    REQUIRES(lc_vm_space);
static inline bool mapping_is_plain(const struct vm_mapping *m) { // private anonymous
    return m->object == nullptr && m->file == nullptr;
}

// ---- map.c
bool range_is_valid(u64 start, u64 bytes);                               // inside user space
u64 space_find_gap(struct vm_space *s, u64 bytes) REQUIRES(lc_vm_space); // 0: none
bool space_range_free(struct vm_space *s, u64 start, u64 end) REQUIRES(lc_vm_space);
err_t unmap_locked(struct vm_space *s, u64 start, u64 end, struct list *dead) REQUIRES(lc_vm_space);
err_t map_anon_locked(struct vm_space *s, u64 start, u64 end, u32 prot, u32 flags,
                      struct list *dead) REQUIRES(lc_vm_space);
err_t fault_in_range(struct vm_space *s, u64 start, u64 end, bool write);

// ---- fault.c
extern struct page *vm_zero_page;
