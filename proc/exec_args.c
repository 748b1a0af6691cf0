// SPDX-License-Identifier: MIT
// argv and envp between the old and the new address space: gathered into kernel pages, strings one
// after the other, then laid out on the new stack as the System V ABI says (psABI 1.0 §3.4.1). Room
// is left in front for what `#!` puts before the script's name.
#include "proc_impl.h"
#include <kernel/base/entropy.h>

constexpr size_t FRONT_BYTES = 6 * 4096; // names and arguments of nested `#!` interpreters
constexpr size_t STRING_MAX = 131072;    // one string, Linux's MAX_ARG_STRLEN
constexpr u32 CHUNK_BYTES = 4096;

static err_t put(struct exec_args *a, size_t at, const char *s, size_t bytes) {
    while (bytes > 0) {
        u32 index = (u32)(at / PAGE_SIZE);
        if (index >= a->page_capacity) {
            return ERR_2BIG;
        }
        if (a->pages[index] == nullptr) {
            TRY(page_alloc(0, PAGE_ZERO, &a->pages[index]));
        }
        size_t in_page = at % PAGE_SIZE, n = MIN(bytes, PAGE_SIZE - in_page);
        memcpy((char *)page_ptr(a->pages[index]) + in_page, s, n);
        at += n;
        s += n;
        bytes -= n;
    }
    return ERR_OK;
}

static err_t append(struct exec_args *a, const char *s, size_t bytes) {
    if (a->end - FRONT_BYTES + bytes + (a->argc + a->envc + 2) * sizeof(u64) > a->limit_bytes) {
        return ERR_2BIG;
    }
    TRY(put(a, a->end, s, bytes));
    a->end += bytes;
    return ERR_OK;
}

err_t exec_args_add(struct exec_args *a, const char *s, size_t bytes) {
    TRY(append(a, s, bytes));
    return append(a, "", 1);
}

static err_t add_user_string(struct exec_args *a, struct uptr src, char *chunk) {
    for (size_t total = 0; total < STRING_MAX;) {
        size_t len;
        err_t err = copy_in_string(chunk, CHUNK_BYTES, src, &len);
        if (err == ERR_OK) {
            return exec_args_add(a, chunk, len);
        }
        if (err != ERR_NAMETOOLONG) {
            return err;
        }
        len = CHUNK_BYTES - 1;
        TRY(copy_in(chunk, src, len));
        TRY(append(a, chunk, len));
        src = uptr_add(src, len);
        total += len;
    }
    return ERR_2BIG;
}

static err_t add_user_vector(struct exec_args *a, struct uptr vector, u32 *count, char *chunk) {
    if (vector.va == 0) { // as Linux: like an empty list
        return ERR_OK;
    }
    for (;; (*count)++) {
        u64 s;
        TRY(copy_in(&s, uptr_add(vector, *count * sizeof(u64)), sizeof(s)));
        if (s == 0) {
            return ERR_OK;
        }
        TRY(add_user_string(a, (struct uptr){s}, chunk));
    }
}

static err_t add_kernel_vector(struct exec_args *a, const char *const *vector, u32 *count) {
    for (; vector[*count] != nullptr; (*count)++) {
        TRY(exec_args_add(a, vector[*count], strlen(vector[*count])));
    }
    return ERR_OK;
}

static err_t gather(struct exec_args *a, const struct exec_strings *s, char *chunk) {
    if (s->argv != nullptr) {
        TRY(add_kernel_vector(a, s->argv, &a->argc));
    } else {
        TRY(add_user_vector(a, s->user_argv, &a->argc, chunk));
    }
    if (a->argc == 0) { // Linux since 5.18: argv[0] is made up
        TRY(exec_args_add(a, "", 0));
        a->argc = 1;
    }
    return s->envp != nullptr ? add_kernel_vector(a, s->envp, &a->envc)
                              : add_user_vector(a, s->user_envp, &a->envc, chunk);
}

err_t exec_args_gather(struct exec_args *a, const struct exec_strings *s, size_t limit_bytes) {
    *a = (struct exec_args){.limit_bytes = limit_bytes, .start = FRONT_BYTES, .end = FRONT_BYTES};
    a->page_capacity = (u32)bytes_to_pages(FRONT_BYTES + limit_bytes + 1);
    TRY(heap_new_array(&a->pages, a->page_capacity));
    char *chunk;
    TRY(heap_alloc(CHUNK_BYTES, (void **)&chunk));
    err_t err = gather(a, s, chunk);
    heap_free(&chunk);
    return err;
}

void exec_args_free(struct exec_args *a) {
    for (u32 i = 0; a->pages != nullptr && i < a->page_capacity; i++) {
        if (a->pages[i] != nullptr) {
            page_put(a->pages[i]);
        }
    }
    heap_free(&a->pages);
}

static char byte_at(const struct exec_args *a, size_t at) {
    return ((const char *)page_ptr(a->pages[at / PAGE_SIZE]))[at % PAGE_SIZE];
}

static err_t prepend(struct exec_args *a, const char *s) {
    size_t bytes = strlen(s) + 1;
    if (bytes > a->start) {
        return ERR_2BIG;
    }
    TRY(put(a, a->start - bytes, s, bytes));
    a->start -= bytes;
    a->argc++;
    return ERR_OK;
}

err_t exec_args_script(struct exec_args *a, const char *interpreter, const char *argument,
                       const char *script) {
    while (byte_at(a, a->start) != 0) {
        a->start++;
    }
    a->start++;
    a->argc--;
    TRY(prepend(a, script));
    if (argument != nullptr) {
        TRY(prepend(a, argument));
    }
    return prepend(a, interpreter);
}

// ---- onto the stack

struct writer { // u64 words to user memory, a few at a time
    u64 at;
    u32 count;
    u64 words[32];
};
static err_t flush(struct writer *w) {
    TRY(copy_out((struct uptr){w->at}, w->words, w->count * sizeof(u64)));
    w->at += w->count * sizeof(u64);
    w->count = 0;
    return ERR_OK;
}
static err_t word(struct writer *w, u64 v) {
    w->words[w->count++] = v;
    return w->count == countof(w->words) ? flush(w) : ERR_OK;
}

static err_t push_strings(struct exec_args *a, u64 base) {
    for (size_t at = a->start; at < a->end;) {
        size_t in_page = at % PAGE_SIZE, n = MIN(a->end - at, PAGE_SIZE - in_page);
        const char *from = (const char *)page_ptr(a->pages[at / PAGE_SIZE]) + in_page;
        TRY(copy_out((struct uptr){base + (at - a->start)}, from, n));
        at += n;
    }
    return ERR_OK;
}

// Writes `count` pointers to the strings from *at on, and a null.
static err_t push_pointers(struct exec_args *a, struct writer *w, u64 base, u32 count, size_t *at) {
    for (u32 i = 0; i < count; i++) {
        TRY(word(w, base + (*at - a->start)));
        while (byte_at(a, *at) != 0) {
            (*at)++;
        }
        (*at)++;
    }
    return word(w, 0);
}

struct auxv_extra {
    u64 random_va, platform_va, name_va;
};
static err_t push_auxv(struct writer *w, const struct exec_stack *s, const struct auxv_extra *x) {
    const struct cred *c = user_thread_current()->cred;
    u32 eax = 1, ebx = 0, ecx = 0, edx = 0;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx)); // HWCAP is CPUID.1:EDX
    const u64 pairs[][2] = {
        {LINUX_AT_MINSIGSTKSZ, sizeof(struct linux_sigframe) + fpu_area_bytes() + 1024},
        {LINUX_AT_HWCAP, edx},
        {LINUX_AT_PAGESZ, PAGE_SIZE},
        {LINUX_AT_CLKTCK, 100},
        {LINUX_AT_PHDR, s->phdr_va},
        {LINUX_AT_PHENT, 56},
        {LINUX_AT_PHNUM, s->phdr_count},
        {LINUX_AT_BASE, s->interpreter_base},
        {LINUX_AT_FLAGS, 0},
        {LINUX_AT_ENTRY, s->entry},
        {LINUX_AT_UID, c->uid},
        {LINUX_AT_EUID, c->euid},
        {LINUX_AT_GID, c->gid},
        {LINUX_AT_EGID, c->egid},
        {LINUX_AT_SECURE, s->secure},
        {LINUX_AT_RANDOM, x->random_va},
        {LINUX_AT_EXECFN, x->name_va},
        {LINUX_AT_PLATFORM, x->platform_va},
        {LINUX_AT_NULL, 0},
    };
    for (size_t i = 0; i < countof(pairs); i++) {
        TRY(word(w, pairs[i][0]));
        TRY(word(w, pairs[i][1]));
    }
    return flush(w);
}
constexpr u64 AUXV_PAIRS = 19;

err_t exec_args_push(struct exec_args *a, struct vm_space *space, const struct exec_stack *s,
                     u64 *stack_pointer) {
    static const char platform[] = "x86_64";
    u8 seed[16];
    struct auxv_extra x;
    size_t name_bytes = strlen(s->name) + 1;
    x.name_va = s->top - 8 - name_bytes;
    TRY(copy_out((struct uptr){x.name_va}, s->name, name_bytes));
    u64 base = x.name_va - (a->end - a->start);
    TRY(push_strings(a, base));
    x.platform_va = (base & ~(u64)15) - 16;
    TRY(copy_out((struct uptr){x.platform_va}, platform, sizeof(platform)));
    entropy_get(seed, sizeof(seed));
    x.random_va = x.platform_va - sizeof(seed);
    TRY(copy_out((struct uptr){x.random_va}, seed, sizeof(seed)));
    u64 words = 1 + a->argc + 1 + a->envc + 1 + 2 * AUXV_PAIRS;
    struct writer w = {.at = ALIGN_DOWN(x.random_va - words * sizeof(u64), 16)};
    *stack_pointer = w.at;
    TRY(word(&w, a->argc));
    size_t at = a->start;
    TRY(push_pointers(a, &w, base, a->argc, &at));
    space->arg_start = base;
    space->arg_end = space->env_start = base + (at - a->start);
    TRY(push_pointers(a, &w, base, a->envc, &at));
    space->env_end = base + (at - a->start);
    space->auxv_start = *stack_pointer + (1 + a->argc + 1 + a->envc + 1) * sizeof(u64);
    return push_auxv(&w, s, &x);
}
