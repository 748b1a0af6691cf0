// SPDX-License-Identifier: MIT
// Life of a vnode. The file system makes it (vnode_alloc), everyone counts references, and when the
// last one goes `inactive` tells the file system, then the memory is freed. A file system that
// keeps a table of its vnodes finds one whose count is already 0 there: vnode_get_if_live says no,
// and it has to wait until inactive took it out.
#include "vfs_impl.h"

err_t vnode_alloc(struct mount *m, enum vnode_type type, u64 ino, const struct vnode_ops *ops,
                  struct vnode **out) {
    struct vnode *v;
    TRY(heap_new(&v));
    ref_init(&v->refs);
    mutex_init(&v->lock);
    waitq_init(&v->lock_queue);
    list_init(&v->record_locks);
    list_init(&v->mount_node);
    v->type = type;
    v->ino = ino;
    v->mount = m;
    v->ops = ops;
    m->vnode_count++;
    *out = v;
    return ERR_OK;
}

void vnode_get(struct vnode *v) { ref_get(&v->refs); }

bool vnode_get_if_live(struct vnode *v) { return ref_get_if_live(&v->refs); }

void vnode_put(struct vnode *v) {
    if (v == nullptr || !ref_put(&v->refs)) {
        return;
    }
    assert(v->covered_by == nullptr);
    assert(v->pipe == nullptr);
    if (v->ops->inactive != nullptr) {
        v->ops->inactive(v);
    }
    locks_drop_all(v);
    v->mount->vnode_count--;
    heap_free(&v);
}
