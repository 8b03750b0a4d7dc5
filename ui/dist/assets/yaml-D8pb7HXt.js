const l=/^[A-Za-z_./][\w./ -]*$/,c=/^(true|false|null|yes|no|on|off|~)$/i;function f(e){return typeof e!="string"?String(e):l.test(e)&&!c.test(e)&&!e.endsWith(" ")?e:JSON.stringify(e)}const y=e=>typeof e=="object"&&e!==null&&Object.keys(e).length===0;function i(e,s,t){if(Array.isArray(e))for(const n of e)o(`${s}-`,n,`${s}  `,t);else if(e!==null&&typeof e=="object")for(const[n,r]of Object.entries(e))o(`${s}${f(n)}:`,r,`${s}  `,t);else t.push(s+f(e))}function o(e,s,t,n){if(s!==null&&typeof s=="object")y(s)?n.push(`${e} ${Array.isArray(s)?"[]":"{}"}`):(n.push(e),i(s,t,n));else if(typeof s=="string"&&s.includes(`
`)){n.push(`${e} |${s.endsWith(`
`)?"":"-"}`);for(const r of s.replace(/\n$/,"").split(`
`))n.push(r?t+r:"")}else n.push(`${e} ${f(s)}`)}function p(e){const s=[];return i(e,"",s),s.join(`
`)}export{p as y};
