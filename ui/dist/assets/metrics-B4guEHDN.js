function c(e,i){const n=new Set(e.map(i).filter(t=>t.includes("@")).map(t=>t.slice(0,t.indexOf("@"))));return e.filter(t=>!n.has(i(t)))}export{c as d};
