// SPDX-License-Identifier: MIT
// The devices that are no hardware: null, zero, full, random, urandom, kmsg. Numbers: Linux's
// devices.txt, major 1.
#include "devfs_impl.h"
#include <kernel/base/entropy.h>

constexpr size_t CHUNK_BYTES = 256;
constexpr size_t KMSG_LINE_BYTES = 512;

static err_t null_read(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    unused_arg(f);
    unused_arg(span);
    unused_arg(pos);
    *done = 0;
    return ERR_OK;
}

static err_t null_write(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    unused_arg(f);
    unused_arg(pos);
    *done = span.bytes;
    return ERR_OK;
}

static err_t full_write(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    unused_arg(f);
    unused_arg(pos);
    *done = 0;
    return span.bytes == 0 ? ERR_OK : ERR_NOSPC;
}

static err_t zero_read(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    unused_arg(f);
    unused_arg(pos);
    if (span.kernel != nullptr) {
        memset(span.kernel, 0, span.bytes);
    } else {
        TRY(copy_zero(span.user, span.bytes));
    }
    *done = span.bytes;
    return ERR_OK;
}

static err_t zero_map(struct file *f, u64 offset, u64 bytes, struct vm_object **out) {
    unused_arg(f);
    unused_arg(offset);
    unused_arg(bytes);
    return vm_object_create_anon(out);
}

static err_t random_read(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    unused_arg(f);
    unused_arg(pos);
    u8 chunk[CHUNK_BYTES];
    while (*done < span.bytes && !thread_current()->killed) {
        size_t bytes = MIN(span.bytes - *done, CHUNK_BYTES);
        entropy_get(chunk, bytes);
        if (span.kernel != nullptr) {
            memcpy((u8 *)span.kernel + *done, chunk, bytes);
        } else {
            TRY(copy_out(uptr_add(span.user, *done), chunk, bytes));
        }
        *done += bytes;
    }
    memset(chunk, 0, sizeof chunk);
    return ERR_OK;
}

// What is written is stirred in, but not trusted to be random.
static err_t random_write(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    unused_arg(f);
    unused_arg(pos);
    if (span.kernel == nullptr) {
        for (size_t at = 0; at + sizeof(u64) <= span.bytes; at += sizeof(u64)) {
            u64 word;
            TRY(copy_in(&word, uptr_add(span.user, at), sizeof word));
            entropy_add(word);
        }
    }
    *done = span.bytes;
    return ERR_OK;
}

static err_t kmsg_read(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    unused_arg(f);
    char line[KMSG_LINE_BYTES];
    u64 at = *pos;
    size_t bytes = log_read(&at, line, MIN(sizeof line, span.bytes));
    if (span.kernel != nullptr) {
        memcpy(span.kernel, line, bytes);
    } else {
        TRY(copy_out(span.user, line, bytes));
    }
    *pos = at;
    *done = bytes;
    return ERR_OK;
}

static err_t kmsg_write(struct file *f, struct vm_span span, u64 *pos, size_t *done) {
    unused_arg(f);
    unused_arg(pos);
    char line[KMSG_LINE_BYTES];
    size_t bytes = MIN(span.bytes, sizeof line - 1);
    if (span.kernel != nullptr) {
        memcpy(line, span.kernel, bytes);
    } else {
        TRY(copy_in(line, span.user, bytes));
    }
    line[bytes] = 0;
    const char *text = line;
    if (line[0] == '<') { // "<6>text": the level of syslog(3)
        const char *end = line;
        while (*end != 0 && *end != '>') {
            end++;
        }
        text = *end == '>' ? end + 1 : line;
    }
    size_t len = strlen(text);
    while (len != 0 && text[len - 1] == '\n') {
        len--;
    }
    log(USER, INFO, "%.*s", (int)len, text);
    *done = span.bytes;
    return ERR_OK;
}

static err_t seek_nowhere(struct file *f, i64 offset, int whence, u64 *pos) {
    unused_arg(f);
    unused_arg(offset);
    unused_arg(whence);
    *pos = 0;
    return ERR_OK;
}

static const struct file_ops null_ops = {
    .read = null_read, .write = null_write, .seek = seek_nowhere};
static const struct file_ops zero_ops = {
    .read = zero_read, .write = null_write, .seek = seek_nowhere, .map = zero_map};
static const struct file_ops full_ops = {
    .read = zero_read, .write = full_write, .seek = seek_nowhere};
static const struct file_ops random_ops = {
    .read = random_read, .write = random_write, .seek = seek_nowhere};
static const struct file_ops kmsg_ops = {
    .read = kmsg_read, .write = kmsg_write, .seek = file_seek_plain};

void devfs_memory_init(void) {
    static struct char_device devices[] = {
        {.name = "null", .number = 0x103, .mode = 0666, .ops = &null_ops},
        {.name = "zero", .number = 0x105, .mode = 0666, .ops = &zero_ops},
        {.name = "full", .number = 0x107, .mode = 0666, .ops = &full_ops},
        {.name = "random", .number = 0x108, .mode = 0666, .ops = &random_ops},
        {.name = "urandom", .number = 0x109, .mode = 0666, .ops = &random_ops},
        {.name = "kmsg", .number = 0x10b, .mode = 0644, .ops = &kmsg_ops},
    };
    for (size_t i = 0; i < countof(devices); i++) {
        char_device_register(&devices[i]);
    }
}
