(module_declaration (module_header (simple_identifier) @name)) @definition.module
(function_body_declaration (function_identifier) @name) @definition.function
(task_body_declaration (task_identifier) @name) @definition.function
