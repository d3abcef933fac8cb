export { type Expression, type Part, parse, TemplateError } from './parse.ts';
export { type Fields, type Functions, render, type UserMap, type Value } from './render.ts';
