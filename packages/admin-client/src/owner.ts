/**
 * The rule of the label `owner`, which says who keeps a registration: a team, a repository, a
 * stack. It gives no rights. A pipeline changes and prunes only what carries its own label.
 */
export const OWNER = /^[A-Za-z0-9][\w.:/@-]{0,127}$/
