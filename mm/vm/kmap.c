// SPDX-License-Identifier: MIT
// The kernel's own virtual area: free ranges in a tree by address, first fit. Stacks of the usual
// size that are freed stay mapped and wait for the next thread; a work item gives back what is more
// than STACKS_KEPT.
#include "vm_impl.h"
#include <kernel/base/kasan.h>
#include <kernel/sched/thread.h>
#include <kernel/sched/work.h>
#include <mm/vm/kmap.h>

constexpr u32 STACKS_KEPT = 32;

struct range { // free
    struct tree_node node;
    u64 start, bytes;
};
static struct kmap {
    struct mutex lock;
    struct tree free GUARDED_BY(lc_kmap);
} kmap = {.lock = MUTEX_INIT(kmap.lock)};
DECLARE_MUTEX_CLASS(kmap, struct kmap, lock)

struct free_stack { // in the stack's own lowest bytes
    struct free_stack *next;
};
static struct stack_cache {
    struct spinlock lock;
    struct free_stack *first GUARDED_BY(lc_stack_cache);
    u32 count GUARDED_BY(lc_stack_cache);
} stacks;
DECLARE_SPIN_CLASS(stack_cache, struct stack_cache, lock)

static struct range *range_of(struct tree_node *n) {
    return n == nullptr ? nullptr : container_of(n, struct range, node);
}

static void range_link(struct range *r) REQUIRES(lc_kmap) {
    struct tree_node *parent = nullptr, **slot = &kmap.free.root;
    while (*slot != nullptr) {
        parent = *slot;
        slot = r->start < range_of(parent)->start ? &parent->left : &parent->right;
    }
    tree_insert(&kmap.free, &r->node, parent, slot);
}

// Stacks come from the low end, devices from the high one.
static err_t range_take_high(u64 bytes, u64 *out) {
    GUARD(kmap, &kmap);
    struct range *r = range_of(tree_last(&kmap.free));
    while (r != nullptr && r->bytes <= bytes) { // never all of it: it stays linked
        r = range_of(tree_prev(&r->node));
    }
    if (r == nullptr) {
        return ERR_NOMEM;
    }
    r->bytes -= bytes;
    *out = r->start + r->bytes;
    return ERR_OK;
}

static err_t range_take(u64 bytes, u64 *out) {
    GUARD(kmap, &kmap);
    struct range *r = range_of(tree_first(&kmap.free));
    while (r != nullptr && r->bytes < bytes) {
        r = range_of(tree_next(&r->node));
    }
    if (r == nullptr) {
        return ERR_NOMEM;
    }
    *out = r->start;
    r->start += bytes;
    r->bytes -= bytes;
    if (r->bytes == 0) {
        tree_remove(&kmap.free, &r->node);
        heap_free(&r);
    }
    return ERR_OK;
}

static void range_give(u64 start, u64 bytes) {
    GUARD(kmap, &kmap);
    struct range *low = nullptr, *high = nullptr;
    for (struct tree_node *n = kmap.free.root; n != nullptr;) {
        struct range *r = range_of(n);
        if (r->start > start) {
            high = r;
            n = n->left;
        } else {
            low = r;
            n = n->right;
        }
    }
    if (low != nullptr && low->start + low->bytes == start) {
        low->bytes += bytes;
        if (high != nullptr && low->start + low->bytes == high->start) {
            low->bytes += high->bytes;
            tree_remove(&kmap.free, &high->node);
            heap_free(&high);
        }
        return;
    }
    if (high != nullptr && start + bytes == high->start) {
        high->start = start;
        high->bytes += bytes;
        return;
    }
    struct range *r;
    if (heap_new(&r) == ERR_OK) { // else: the addresses are lost, of which there are plenty
        r->start = start;
        r->bytes = bytes;
        range_link(r);
    }
}

// Page tables of a range and of its shadow, if it has one. Tables are shared by neighbours, so two
// threads must not make the same one; they are never freed, and leaf entries belong to the owner of
// the range alone.
static err_t tables_make(u64 start, u64 end, bool shadow) {
    GUARD(kmap, &kmap);
    for (u64 va = start; va < end; va = ALIGN_DOWN(va, MMU_TABLE_BYTES) + MMU_TABLE_BYTES) {
        if (mmu_entry_at(&mmu_kernel_space, va, true) == nullptr) {
            return ERR_NOMEM;
        }
    }
    return shadow ? kasan_back_range(start, end - start) : ERR_OK;
}

// Unmaps [start, end); with put, the pages are freed after the flush, in batches.
static void unmap_range(u64 start, u64 end, bool put) {
    struct page *pages[32];
    while (start < end) {
        u32 count = 0;
        u64 first = start;
        for (; start < end && count < countof(pages); start += PAGE_SIZE) {
            struct pa pa;
            if (mmu_unmap(&mmu_kernel_space, start, &pa, nullptr) && put) {
                pages[count++] = page_of_pa(pa);
            }
        }
        mmu_flush(&mmu_kernel_space, first, (start - first) >> PAGE_SHIFT);
        page_put_many(pages, count);
    }
}

static err_t map_fresh_pages(u64 start, u64 end) {
    for (u64 va = start; va < end; va += PAGE_SIZE) {
        struct page *p;
        err_t err = page_alloc(0, PAGE_ZERO, &p);
        if (err == ERR_OK) {
            err = mmu_map(&mmu_kernel_space, va, page_pa(p), MMU_READ | MMU_WRITE);
            if (err != ERR_OK) {
                page_put(p);
            }
        }
        if (err != ERR_OK) {
            unmap_range(start, va, true);
            return err;
        }
    }
    return ERR_OK;
}

// ---- stacks
static void *stack_from_cache(void) {
    GUARD(stack_cache, &stacks);
    struct free_stack *s = stacks.first;
    if (s != nullptr) {
        stacks.first = s->next;
        stacks.count--;
    }
    return s;
}

err_t kmap_stack(size_t bytes, void **out) {
    if (bytes == THREAD_STACK_BYTES) {
        *out = stack_from_cache();
        if (*out != nullptr) {
            return ERR_OK;
        }
    }
    u64 start;
    TRY(range_take(bytes + PAGE_SIZE, &start));
    u64 stack = start + PAGE_SIZE; // the guard page stays unmapped
    err_t err = tables_make(stack, stack + bytes, true);
    if (err == ERR_OK) {
        err = map_fresh_pages(stack, stack + bytes);
    }
    if (err != ERR_OK) {
        range_give(start, bytes + PAGE_SIZE);
        return err;
    }
    *out = (void *)stack;
    return ERR_OK;
}

static void stack_destroy(void *stack, size_t bytes) {
    unmap_range((u64)stack, (u64)stack + bytes, true);
    range_give((u64)stack - PAGE_SIZE, bytes + PAGE_SIZE);
}

static bool stack_is_surplus(void) {
    GUARD(stack_cache, &stacks);
    return stacks.count > STACKS_KEPT;
}

static void free_surplus(struct work *w) {
    unused_arg(w);
    while (stack_is_surplus()) {
        void *stack = stack_from_cache();
        if (stack != nullptr) {
            stack_destroy(stack, THREAD_STACK_BYTES);
        }
    }
}
static struct work surplus = {.node = LIST_INIT(surplus.node), .fn = free_surplus};

static bool stack_to_cache(void *stack) { // true: more are kept than should be
    GUARD(stack_cache, &stacks);
    struct free_stack *s = stack;
    s->next = stacks.first;
    stacks.first = s;
    stacks.count++;
    return stacks.count > STACKS_KEPT * 2;
}

void kmap_stack_free(void *stack, size_t bytes) {
    u64 va = (u64)stack;
    if (va < KERNEL_VMAP_VA || va >= KERNEL_VMAP_VA + KERNEL_VMAP_BYTES) {
        page_put(page_of_pa(ptr_to_pa(stack))); // made before kmap_init
        return;
    }
    assert_eq(bytes, THREAD_STACK_BYTES);
    kasan_unpoison(stack, bytes);
    if (stack_to_cache(stack)) {
        work_queue(&surplus);
    }
}

// ---- devices
err_t kmap_device(struct pa pa, size_t bytes, bool write_combine, void **out) {
    u64 offset = pa.v & PAGE_MASK;
    u64 total = ALIGN_UP(offset + bytes, PAGE_SIZE);
    u64 start;
    TRY(range_take_high(total, &start));
    err_t err = tables_make(start, start + total, false);
    if (err != ERR_OK) {
        range_give(start, total);
        return err;
    }
    u32 flags = MMU_READ | MMU_WRITE | (write_combine ? MMU_WRITE_COMBINE : MMU_NOCACHE);
    for (u64 at = 0; at < total; at += PAGE_SIZE) {
        err = mmu_map(&mmu_kernel_space, start + at, (struct pa){pa.v - offset + at}, flags);
        if (err != ERR_OK) {
            unmap_range(start, start + at, false);
            range_give(start, total);
            return err;
        }
    }
    *out = (void *)(start + offset);
    return ERR_OK;
}

void kmap_device_free(void *va, size_t bytes) {
    u64 start = ALIGN_DOWN((u64)va, PAGE_SIZE);
    u64 end = ALIGN_UP((u64)va + bytes, PAGE_SIZE);
    unmap_range(start, end, false);
    range_give(start, end - start);
}

void kmap_init(void) {
    if (mmu_prefill(KERNEL_VMAP_VA, KERNEL_VMAP_BYTES) != ERR_OK) {
        panic("no memory for the kernel's page tables");
    }
    range_give(KERNEL_VMAP_VA, KERNEL_VMAP_BYTES);
    thread_stack_alloc = kmap_stack;
    thread_stack_free = kmap_stack_free;
}
