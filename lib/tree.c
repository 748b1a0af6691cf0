// SPDX-License-Identifier: MIT
// AVL tree with parent links: the heights of a node's two subtrees differ by at most one. An
// insertion needs at most one rotation (single or double), a removal at most one a level. Nothing
// here compares keys.
#include <lib/tree.h>

static void replace_child(struct tree *t, struct tree_node *parent, struct tree_node *old,
                          struct tree_node *new) {
    if (parent == nullptr) {
        t->root = new;
    } else if (parent->left == old) {
        parent->left = new;
    } else {
        parent->right = new;
    }
    if (new != nullptr) {
        new->parent = parent;
    }
}

// p's right child takes p's place.
static void rotate_left(struct tree *t, struct tree_node *p) {
    struct tree_node *r = p->right;
    replace_child(t, p->parent, p, r);
    p->right = r->left;
    if (p->right != nullptr) {
        p->right->parent = p;
    }
    r->left = p;
    p->parent = r;
}

static void rotate_right(struct tree *t, struct tree_node *p) {
    struct tree_node *l = p->left;
    replace_child(t, p->parent, p, l);
    p->left = l->right;
    if (p->left != nullptr) {
        p->left->parent = p;
    }
    l->right = p;
    p->parent = l;
}

// After a double rotation that lifted m above left and right.
static void split_balance(struct tree_node *m, struct tree_node *left, struct tree_node *right) {
    left->balance = m->balance > 0 ? -1 : 0;
    right->balance = m->balance < 0 ? 1 : 0;
    m->balance = 0;
}

// p is out of balance by two: repairs it and returns the subtree's new root.
static struct tree_node *rebalance(struct tree *t, struct tree_node *p) {
    if (p->balance > 0) {
        struct tree_node *r = p->right;
        if (r->balance < 0) {
            struct tree_node *m = r->left;
            rotate_right(t, r);
            rotate_left(t, p);
            split_balance(m, p, r);
            return m;
        }
        rotate_left(t, p);
        p->balance = r->balance == 0 ? 1 : 0;
        r->balance = r->balance == 0 ? -1 : 0;
        return r;
    }
    struct tree_node *l = p->left;
    if (l->balance > 0) {
        struct tree_node *m = l->right;
        rotate_left(t, l);
        rotate_right(t, p);
        split_balance(m, l, p);
        return m;
    }
    rotate_right(t, p);
    p->balance = l->balance == 0 ? -1 : 0;
    l->balance = l->balance == 0 ? 1 : 0;
    return l;
}

void tree_insert(struct tree *t, struct tree_node *n, struct tree_node *parent,
                 struct tree_node **slot) {
    *n = (struct tree_node){.parent = parent};
    *slot = n;
    for (struct tree_node *p = parent; p != nullptr; n = p, p = p->parent) {
        p->balance = (i8)(p->balance + (n == p->right ? 1 : -1));
        if (p->balance == 0) {
            return;
        }
        if (p->balance > 1 || p->balance < -1) {
            rebalance(t, p);
            return;
        }
    }
}

// The subtree of p on one side became lower by one.
static void shrunk(struct tree *t, struct tree_node *p, bool right_side) {
    while (p != nullptr) {
        p->balance = (i8)(p->balance + (right_side ? -1 : 1));
        if (p->balance == 1 || p->balance == -1) {
            return; // was even: the other side keeps the height
        }
        if (p->balance != 0) {
            p = rebalance(t, p);
            if (p->balance != 0) {
                return;
            }
        }
        struct tree_node *parent = p->parent;
        right_side = parent != nullptr && parent->right == p;
        p = parent;
    }
}

void tree_remove(struct tree *t, struct tree_node *n) {
    struct tree_node *parent = n->parent;
    bool right_side = parent != nullptr && parent->right == n;
    if (n->left != nullptr && n->right != nullptr) {
        // The successor takes n's place; what shrinks is where the successor was.
        struct tree_node *s = n->right;
        while (s->left != nullptr) {
            s = s->left;
        }
        struct tree_node *s_parent = s->parent;
        right_side = s_parent == n;
        if (s_parent != n) {
            replace_child(t, s_parent, s, s->right);
            s->right = n->right;
            s->right->parent = s;
        }
        s->left = n->left;
        s->left->parent = s;
        s->balance = n->balance;
        replace_child(t, n->parent, n, s);
        parent = s_parent == n ? s : s_parent;
    } else {
        replace_child(t, parent, n, n->left != nullptr ? n->left : n->right);
    }
    *n = (struct tree_node){};
    shrunk(t, parent, right_side);
}

struct tree_node *tree_first(const struct tree *t) {
    struct tree_node *n = t->root;
    while (n != nullptr && n->left != nullptr) {
        n = n->left;
    }
    return n;
}

struct tree_node *tree_last(const struct tree *t) {
    struct tree_node *n = t->root;
    while (n != nullptr && n->right != nullptr) {
        n = n->right;
    }
    return n;
}

struct tree_node *tree_next(const struct tree_node *n) {
    if (n->right != nullptr) {
        struct tree_node *r = n->right;
        while (r->left != nullptr) {
            r = r->left;
        }
        return r;
    }
    struct tree_node *p = n->parent;
    while (p != nullptr && p->right == n) {
        n = p;
        p = p->parent;
    }
    return p;
}

struct tree_node *tree_prev(const struct tree_node *n) {
    if (n->left != nullptr) {
        struct tree_node *l = n->left;
        while (l->right != nullptr) {
            l = l->right;
        }
        return l;
    }
    struct tree_node *p = n->parent;
    while (p != nullptr && p->left == n) {
        n = p;
        p = p->parent;
    }
    return p;
}
